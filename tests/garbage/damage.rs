//! Damage, the same for the same number.

/// What means something to one of the readers.
const WORDS: &[&str] = &[
    "[[",
    "]]",
    "[",
    "{",
    "}",
    "\"",
    "'''",
    "\"\"\"",
    "`",
    "#",
    "//",
    "/*",
    "\\",
    "\\u0000",
    "\0",
    "\r\n",
    "\r",
    "\t",
    "\u{feff}",
    "\u{2028}",
    "é",
    "🎉",
    ": ",
    "- ",
    "---\n",
    "...\n",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "? ",
    "|\n",
    ">-\n",
    "${{ ",
    " }}",
    "on:",
    "jobs:",
    "export default ",
    "export const handler = ",
    "module.exports = ",
    "import(",
    "require(",
    "await ",
    "async ",
    "=>",
    "function*",
    "class ",
    "[process.env]\n",
    "backs_up = ",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "NaN",
    "0x",
    "\u{202e}",
    "../",
    "%00",
    "$(",
    ";",
];

pub(crate) struct Damage(u64);

impl Damage {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// A number that looks random (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// From 0 up to and without `n`, and 0 where that is nothing.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    /// One of `seeds`, with a few damages.
    pub(crate) fn of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.once(&mut bytes, seeds);
            // What is repeated again and again shall not become a test of patience.
            bytes.truncate(64 * 1024);
        }
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(40)).min(bytes.len());
        let part = bytes.get(at..end).unwrap_or_default().to_vec();
        match self.below(9) {
            0 => drop(bytes.drain(at.min(end)..end)),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, part)),
            3 => {
                let times = 1 + self.below(200);
                drop(bytes.splice(at..at, part.repeat(times)));
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len());
                let to = (from + self.below(200)).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            5 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(self.next() % 256).unwrap();
                }
            }
            6 => self.swap_lines(bytes),
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                let times = if self.below(20) == 0 { 500 } else { 1 };
                drop(bytes.splice(at..at, word.repeat(times).into_bytes()));
            }
        }
    }

    fn swap_lines(&mut self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|it| *it == b'\n').map(<[u8]>::to_vec).collect();
        let (one, other) = (self.below(lines.len()), self.below(lines.len()));
        if one < lines.len() && other < lines.len() {
            lines.swap(one, other);
        }
        *bytes = lines.concat();
    }
}
