//! Code that is nested deeply, in every form there is.

use super::source::Source;

/// So many levels of each form that the file has about so many bytes.
fn nested(bytes: usize) -> Vec<String> {
    let forms = [
        ("x=", "(", "1", ")"),
        ("x=", "(", "", ""),
        ("x=", "[", "1", "]"),
        ("x=", "{a:", "1", "}"),
        ("", "{", "", "}"),
        ("x=", "!", "1", ""),
        ("x=", "a=>", "1", ""),
        ("x=", "a?b:", "1", ""),
        ("x=", "a**", "1", ""),
        ("", "if(a)", ";", ""),
        ("", "a:", ";", ""),
        ("x=", "function(){return ", "1", "}"),
        ("x=", "class{a=", "1", "}"),
        ("x=", "async()=>{", "", "}"),
        ("x=", "`${", "1", "}`"),
        ("x=", "a.b(", "1", ")"),
        ("let x:", "A<", "B", ">"),
        ("x=", "new ", "a", ""),
    ];
    let text = |(start, open, middle, close): &(&str, &str, &str, &str)| {
        let levels = bytes / (open.len() + close.len());
        format!("{start}{}{middle}{}", open.repeat(levels), close.repeat(levels))
    };
    forms.iter().map(text).collect()
}

#[test]
fn however_deep_it_is_nested_it_is_read_or_refused() {
    for bytes in [100, 10_000, 120_000] {
        for text in nested(bytes) {
            // Whether it is valid is not asked here.
            let _ = Source::parse("x.ts", &text);
        }
    }
}

#[test]
fn what_no_stack_is_large_enough_for_is_refused() {
    let text = "(".repeat(500 * 1024);
    let fault = Source::parse("x.mjs", &text).unwrap_err();
    assert!(fault.why.contains("nested too deeply") && !fault.broken, "{fault:?}");
}
