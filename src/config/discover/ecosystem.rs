//! PM2's ecosystem files: what they say literally. They are programs, and are never run.

use std::{collections::HashMap, path::Path};

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, ExportDefaultDeclarationKind, Expression,
    ObjectExpression, ObjectPropertyKind, Program, Statement,
};
use oxc_parser::Parser;
use oxc_span::SourceType;

use crate::config::with_room;

/// One process, as far as its file says it literally. A part that is computed when the file runs
/// is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// What PM2 calls it.
    pub name: String,
    /// The file that it runs.
    pub script: Option<String>,
    /// Its arguments; none when they are not known.
    pub args: Option<Vec<String>>,
    /// What runs the script.
    pub interpreter: Option<String>,
    /// When PM2 starts it again.
    pub cron: Option<String>,
    /// The folder that it runs in, where it is another one than the project's.
    pub cwd: Option<String>,
}

/// The processes of the ecosystem file `name` with the content `text`, those without a literal
/// name left out.
pub(super) fn read(text: &str, name: &Path) -> Result<Vec<App>, String> {
    let json = name.extension().is_some_and(|it| it == "json");
    // A JSON text, also one with comments as PM2 takes it, is an expression of JavaScript.
    let (text, kind) = if json {
        (format!("({text}\n)"), SourceType::cjs())
    } else {
        let kind = SourceType::from_path(name).map_err(|error| error.to_string())?;
        (text.to_owned(), kind)
    };
    with_room(&text, || apps(&text, kind)).map_err(str::to_owned)?
}

fn apps(text: &str, kind: SourceType) -> Result<Vec<App>, String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, kind).parse();
    if parsed.panicked || !parsed.diagnostics.is_empty() {
        let first = parsed.diagnostics.iter().next().map(ToString::to_string);
        return Err(first.unwrap_or_else(|| "it is no JavaScript".to_owned()));
    }
    let names = constants(&parsed.program);
    let mut apps = Vec::new();
    for exported in exports(&parsed.program) {
        match literal(exported, &names) {
            Some(Expression::ObjectExpression(object)) => match property(object, "apps", &names) {
                Some(Expression::ArrayExpression(list)) => collect(list, &names, &mut apps),
                Some(Expression::ObjectExpression(one)) => apps.extend(app(one, &names)),
                Some(_) => {}
                None => apps.extend(app(object, &names)),
            },
            Some(Expression::ArrayExpression(list)) => collect(list, &names, &mut apps),
            _ => {}
        }
    }
    Ok(apps)
}

/// What the file hands out: `module.exports = …`, `export default …`, or the one value of a JSON.
fn exports<'p, 'a>(program: &'p Program<'a>) -> Vec<&'p Expression<'a>> {
    let one = |statement: &'p Statement<'a>| match statement {
        Statement::ExpressionStatement(it) => match it.expression.get_inner_expression() {
            Expression::AssignmentExpression(it) => Some(&it.right),
            other => Some(other),
        },
        Statement::ExportDefaultDeclaration(it) => match &it.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(_)
            | ExportDefaultDeclarationKind::ClassDeclaration(_)
            | ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => None,
            other => other.as_expression(),
        },
        _ => None,
    };
    program.body.iter().filter_map(one).collect()
}

type Constants<'p, 'a> = HashMap<&'p str, &'p Expression<'a>>;

/// The variables at the top of the file.
fn constants<'p, 'a>(program: &'p Program<'a>) -> Constants<'p, 'a> {
    let declarations = program.body.iter().filter_map(|statement| match statement {
        Statement::VariableDeclaration(it) => Some(it),
        _ => None,
    });
    declarations
        .flat_map(|it| it.declarations.iter())
        .filter_map(|it| Some((it.id.get_identifier_name()?.as_str(), it.init.as_ref()?)))
        .collect()
}

/// The expression that `it` comes to by its brackets and by names of constants.
fn literal<'p, 'a>(
    it: &'p Expression<'a>,
    names: &Constants<'p, 'a>,
) -> Option<&'p Expression<'a>> {
    let mut it = it.get_inner_expression();
    // As many steps as there are names: a longer way is a circle.
    for _ in 0..=names.len() {
        match it {
            Expression::Identifier(name) => {
                it = names.get(name.name.as_str())?.get_inner_expression();
            }
            other => return Some(other),
        }
    }
    None
}

fn property<'p, 'a>(
    object: &'p ObjectExpression<'a>,
    key: &str,
    names: &Constants<'p, 'a>,
) -> Option<&'p Expression<'a>> {
    // The last one counts, as it does for JavaScript.
    object.properties.iter().rev().find_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(it)
            if it.key.static_name().is_some_and(|name| name == key) =>
        {
            literal(&it.value, names)
        }
        _ => None,
    })
}

fn text(it: &Expression<'_>) -> Option<String> {
    match it {
        Expression::StringLiteral(it) => Some(it.value.to_string()),
        Expression::TemplateLiteral(it) => it.single_quasi().map(|it| it.to_string()),
        _ => None,
    }
}

fn collect<'p, 'a>(list: &'p ArrayExpression<'a>, names: &Constants<'p, 'a>, apps: &mut Vec<App>) {
    let items = list.elements.iter().filter_map(ArrayExpressionElement::as_expression);
    for item in items.filter_map(|it| literal(it, names)) {
        if let Expression::ObjectExpression(object) = item {
            apps.extend(app(object, names));
        }
    }
}

fn app<'p, 'a>(object: &'p ObjectExpression<'a>, names: &Constants<'p, 'a>) -> Option<App> {
    let get = |key| property(object, key, names);
    let args = match get("args") {
        None => Some(Vec::new()),
        Some(Expression::ArrayExpression(list)) => {
            let items = list.elements.iter().map(|it| text(literal(it.as_expression()?, names)?));
            items.collect()
        }
        // PM2 splits it as a shell would; only the plain case is sure.
        Some(it) => text(it)
            .filter(|it| !it.contains(['"', '\'', '\\']))
            .map(|it| it.split_whitespace().map(str::to_owned).collect()),
    };
    let cwd = get("cwd").and_then(text).filter(|it| !matches!(it.as_str(), "" | "." | "./"));
    Some(App {
        name: get("name").and_then(text)?,
        script: get("script").and_then(text),
        args,
        interpreter: get("interpreter").or_else(|| get("exec_interpreter")).and_then(text),
        cron: get("cron_restart").or_else(|| get("cron")).and_then(text),
        cwd,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, file: &str) -> Vec<String> {
        read(text, Path::new(file)).unwrap().into_iter().map(|app| app.name).collect()
    }

    #[test]
    fn apps_are_found_in_every_form_of_the_file() {
        let list = "[{ name: 'a', script: 'a.js' }, make('b'), { name: `c` }, { name: x() }]";
        assert_eq!(
            names(&format!("module.exports = {{ apps: {list} }}"), "e.config.cjs"),
            ["a", "c"]
        );
        assert_eq!(
            names(&format!("export default {{ apps: {list} }};"), "e.config.mjs"),
            ["a", "c"]
        );
        assert_eq!(
            names(&format!("const apps = {list}; module.exports = {{ apps }}"), "e.js"),
            ["a", "c"]
        );
        assert_eq!(
            names("{ \"apps\": [{ \"name\": \"a\" }] // as PM2 takes it\n}", "pm2.json"),
            ["a"]
        );
        assert_eq!(names("[{ \"name\": \"a\" }]", "pm2.json"), ["a"]);
        assert_eq!(names("{ \"name\": \"a\", \"script\": \"b\" }", "pm2.json"), ["a"]);
        assert_eq!(names("const a = b, b = a; module.exports = a", "e.js"), [""; 0]);
    }

    #[test]
    fn only_what_is_literal_is_known() {
        let text = "const s = 's.js'; module.exports = { apps: [{ name: 'a', script: s, \
                    args: ['-x', flag], interpreter: 'none', cron_restart: '* * * * *', \
                    cwd: __dirname }, { name: 'b', args: 'run x' }, { name: 'c', args: 'a \"b\"' }] }";
        let apps = read(text, Path::new("ecosystem.config.js")).unwrap();
        let first = App {
            name: "a".into(),
            script: Some("s.js".into()),
            args: None,
            interpreter: Some("none".into()),
            cron: Some("* * * * *".into()),
            cwd: None,
        };
        assert_eq!(apps[0], first);
        assert_eq!(apps[1].args, Some(vec!["run".to_owned(), "x".to_owned()]));
        assert_eq!(apps[2].args, None);
    }

    #[test]
    fn a_broken_file_says_why() {
        for (text, name) in
            [("module.exports = {\n<<<<<<< HEAD\n", "e.cjs"), ("{", "pm2.json"), ("", "pm2.json")]
        {
            assert!(!read(text, Path::new(name)).unwrap_err().is_empty());
        }
    }
}
