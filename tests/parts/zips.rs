//! Zip files, made for a test.

use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

/// A zip file of these files, in this order.
pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
    of_bytes(files, SimpleFileOptions::default())
}

/// A zip file of these files, each with these options.
pub(crate) fn of_bytes<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    options: SimpleFileOptions,
) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(path, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
