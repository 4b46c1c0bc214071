//! `[[workflow]]`: what its keys mean for each other.

use redundancy::config::parse;

use crate::wrong;

#[test]
fn what_contradicts_itself_is_refused() {
    let many = (0..26).map(|n| format!("i{n} = 1")).collect::<Vec<_>>().join(", ");
    insta::assert_snapshot!(wrong(&format!("
[[workflow]]
backs_up = '*'
schedule = '*/5h'
stale_after = '1m'
[[workflow]]
backs_up = '*'
guard = false
stale_after = '1h'
on_error = 'skip'
inputs = {{ a = 'b' }}
[[workflow]]
backs_up = '*'
mode = 'call'
inputs = {{ 'a b' = 1, c = '${{{{ d }}}}', e = inf }}
[[workflow]]
backs_up = '*'
mode = 'dispatch'
inputs = {{ {many} }}
[[workflow]]
backs_up = '*'
mode = 'dispatsh'
inputs = {{ a = [1] }}
")), @r#"
        4:12 every 5 hours is not at the same times each day (write 1, 2, 3, 4, 6, 8, 12 or 24: `*/6h`)
        5:15 `stale_after` is at least `5m`
        10:1 `on_error` is for the guard, and `guard = false` leaves it out (leave out `guard` or `on_error`)
        15:12 no input can be called `a b` (the name of an input has letters, digits, `_` and `-`, and begins with a letter or `_`)
        15:27 the input `c` is given as it is written, without `${{`
        15:43 the input `e` can't be inf
        19:1 GitHub takes at most 25 inputs, these are 26
        22:8 `mode` can't be "dispatsh" (did you mean "dispatch"?)
        23:16 `a` is a list, and should be a text, a number, `true` or `false`
        "#);
}

#[test]
fn what_goes_together_is_taken() {
    for keys in [
        "schedule = '*/6h'",
        "guard = true\nstale_after = '5m'\non_error = 'run'",
        "mode = 'call'\ninputs = { a = 'b', c_d-e = -1, f = true, g = 1.5 }",
        "mode = 'dispatch'\nguard = false",
        "concurrency = 'separate'",
    ] {
        let text = format!("[[workflow]]\nbacks_up = '*'\n{keys}");
        assert!(parse(&text).is_ok(), "{keys}: {:?}", parse(&text));
    }
}
