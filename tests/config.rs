//! redundancy.toml as its writer meets it: what is taken, what is refused, and with which words.

use redundancy::config::{self, Problem, parse, render};

/// What a person sees of what is wrong with `text`.
fn shown(text: &str) -> String {
    let problems = parse(text).expect_err("the text has problems");
    render::problems("redundancy.toml", text, &problems, render::Style::Plain)
}

#[test]
fn probe() {
    for text in [
        "[[controller]]\nlook_every = '1m'\n[failover]\nbackoff=['1s']\n[[process]]\nname='a'\nscript='a'\nbackoff=['1s']\nlog=[5]\n",
        "process=[['a'], 5]\nworkflow='x'\n",
        "[[process]]\nname='a'\ncommand=['x']\nscript='b'\nargs=['c']\n[[process]]\nname='b'\nargs=['c']\n[[process]]\nname='a'\ncommand=[]\nbacks_up='a'\n[[process]]\nname='c'\nbacks_up='d'\ncommand=['']\ntimezone='Europe/Berln'\n[[process]]\nname='d'\nbacks_up='c'\nscript='x'\ncron='61 * * * *'\n[[process]]\nname='e'\nbacks_up='embedded/aa'\nscript='x'\n[[process]]\nname='f'\nbacks_up='c'\nscript='x'\n",
        "[[process]]\nname='a'\ncommand=['x', 'ghp_aaaaaaaaaaaaaaaaaaaaaaaa']\n[process.env]\n'A=B'='github_pat_aaaaaaaaaaaaaaaaaaaaaaaa'\n[[process]]\nname='all'\nscript='x'\n[[process]]\nname='5'\nscript=''\n",
        "","# x\n",
    ] { println!("{}", shown(text)); }
    let long = format!("[controller]\nlog_dir = '/{}'\nfoo = '{}' # x\nstate_dir = 'a'\n\u{1b}[31m\n", "x".repeat(3000), "y".repeat(3000));
    println!("{}", shown(&long));
    let long = format!("[controller]\nlog_dir = '/{}'\n[github]\ntoken_env={{a='{y}',b='{y}'}}\n[pm2]\nhome={{a='{}',b=2}}", "x".repeat(3000), "y".repeat(3000), y="z".repeat(900));
    println!("{}", shown(&long));
 let long=format!("controller = {{ log_dir = '{}', state_dir = '{}', look_evry = '5m', a = '{}' }}", "y".repeat(900),"z".repeat(900),"z".repeat(900));   println!("{}", shown(&long));}
