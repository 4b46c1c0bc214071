//! Workflows that are large, or made to take long.

use std::{fmt::Write as _, time::Instant};

use crate::odd::{backup_of, refused, world_of};

#[test]
fn a_large_workflow_is_no_trouble() {
    let mut text = String::from("on: push\njobs:\n");
    let mut n = 0;
    while text.len() < 480 * 1024 {
        writeln!(
            text,
            "  j{n}: # job {n}\n    runs-on: x\n    if: always() # é\n    steps: [{{run: make}}]"
        )
        .unwrap();
        n += 1;
    }
    let start = Instant::now();
    // Each job gets longer, so the backup is more than GitHub would start.
    insta::assert_snapshot!(refused("", &text), @r"
        x.yml: its backup would have 996 KB, and GitHub starts no workflow of more than 500 KB
        ");
    let body = format!(
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n{}",
        "          é # make x\n".repeat(22_200)
    );
    assert!((480_000..499_000).contains(&body.len()), "{}", body.len());
    let backup = backup_of(&body);
    assert!(backup.ends_with(&body[body.find("    runs-on").unwrap()..]));
    let took = start.elapsed().as_secs();
    assert!(took < 60, "it took {took} s");
}

#[test]
fn what_is_made_to_take_long_does_not() {
    let start = Instant::now();
    let all = |n: usize, part: &dyn Fn(usize) -> String| (0..n).map(part).collect::<String>();
    for hostile in [
        "[".repeat(400_000),
        "{a: ".repeat(100_000),
        format!("\n      {}", "- ".repeat(200_000)),
        format!("\n      {}", "? ".repeat(200_000)),
        format!("[{}]", "a, ".repeat(150_000)),
        format!("[{}]", all(30_000, &|n| format!("&a{n} x, "))),
        format!("[&a x, {}]", "*a, ".repeat(100_000)),
        format!("{{{}}}", all(40_000, &|n| format!("k{n}: ,"))),
        format!("\"{}", "\\n".repeat(200_000)),
        "'".repeat(450_000),
        "a: ".repeat(150_000),
        format!("|{}", "\n\n".repeat(200_000)),
        format!("# {}", "# ".repeat(200_000)),
    ] {
        let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    x: {hostile}\n");
        let _ = world_of("", &text).plan();
        let (took, begins) = (start.elapsed().as_secs(), &hostile[..10]);
        assert!(took < 120, "after {begins:?} it is {took} s");
    }
}
