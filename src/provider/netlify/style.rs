//! In which of Netlify's two calling styles a function is written.
//!
//! The rules are those of Netlify's bundler, `@netlify/zip-it-and-ship-it`, which looks at the main
//! file alone: a default export without a named `handler` makes a function of the second style.
//! A `handler` that is declared as a function does not count against a default export there.

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    AssignmentExpression, AssignmentTarget, Declaration, Expression, MemberExpression,
    ModuleExportName, ObjectExpression, ObjectPropertyKind, Program, Statement,
};
use oxc_parser::Parser;
use oxc_span::SourceType;

/// A calling style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `handler(event, context)`, as AWS Lambda calls it.
    V1,
    /// A default export, called with a `Request`.
    V2,
}

/// The line (from 1), where one is known, and why the style of a function is unclear or the
/// function can't be wrapped.
pub(super) type Refusal = (Option<usize>, String);

/// The style of the function whose main file is called `file` and holds `text`.
pub(super) fn style(file: &str, text: &str) -> Result<Style, Refusal> {
    let mut first = None;
    for source_type in source_types(file) {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, source_type).parse();
        if !parsed.panicked && parsed.diagnostics.is_empty() {
            return Exports::of(&parsed.program).style();
        }
        let error = parsed.diagnostics.iter().next();
        let at = error.and_then(|it| it.labels.iter().next()).map(oxc_span::LabeledSpan::offset);
        let before = at.and_then(|at| text.get(..usize::try_from(at).ok()?));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let message = error.map_or_else(|| "it can't be read".to_owned(), ToString::to_string);
        first.get_or_insert((line, format!("this is no valid code: {message}")));
    }
    Err(first.unwrap_or((None, "it is of a kind that can't be read".to_owned())))
}

/// What the file may be: plain JavaScript says only by being read whether it is a module.
fn source_types(file: &str) -> Vec<SourceType> {
    match Path::new(file).extension().and_then(|it| it.to_str()) {
        Some("js" | "cjs") => vec![SourceType::mjs(), SourceType::cjs()],
        Some("mjs") => vec![SourceType::mjs()],
        Some("ts" | "mts" | "cts") => vec![SourceType::ts()],
        Some("tsx") => vec![SourceType::tsx()],
        _ => Vec::new(),
    }
}

/// What a file exports, as far as the style depends on it.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a question about the file
struct Exports {
    default: bool,
    handler: bool,
    handler_function: bool,
    streams: bool,
    background: bool,
}

impl Exports {
    fn of(program: &Program<'_>) -> Self {
        let mut exports = Self::default();
        for statement in &program.body {
            exports.statement(statement);
        }
        exports
    }

    fn style(&self) -> Result<Style, Refusal> {
        if self.streams {
            return Err((
                None,
                "it answers as a stream (`stream()`), which can't be wrapped yet".into(),
            ));
        }
        if self.background {
            return Err((None, "it runs in the background, which can't be wrapped yet".into()));
        }
        match (self.default, self.handler, self.handler_function) {
            (true, false, _) => Ok(Style::V2),
            (_, true, _) | (false, _, true) => Ok(Style::V1),
            (false, false, false) => {
                let why = "it is unclear how Netlify calls it: its main file exports neither a \
                           `handler` nor a default";
                Err((None, why.to_owned()))
            }
        }
    }

    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ExportDefaultDeclaration(_) => self.default = true,
            Statement::ExportDeclaration(it) => self.declaration(&it.declaration),
            Statement::ExportNamedDeclaration(it) if it.export_kind.is_value() => {
                for specifier in it.specifiers.iter().filter(|it| it.export_kind.is_value()) {
                    self.named(&specifier.exported);
                }
            }
            Statement::ExportFromDeclaration(it) if it.export_kind.is_value() => {
                for specifier in it.specifiers.iter().filter(|it| it.export_kind.is_value()) {
                    self.named(&specifier.exported);
                }
            }
            Statement::ExpressionStatement(it) => {
                let mut expression = it.expression.get_inner_expression();
                // `exports.handler = exports.main = …`
                while let Expression::AssignmentExpression(assignment) = expression {
                    self.assignment(assignment);
                    expression = assignment.right.get_inner_expression();
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, name: &ModuleExportName<'_>) {
        match name.name().as_str() {
            "default" => self.default = true,
            "handler" => self.handler = true,
            _ => {}
        }
    }

    fn declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::FunctionDeclaration(it) => {
                self.handler_function |= it.name().is_some_and(|name| name == "handler");
            }
            Declaration::VariableDeclaration(it) => {
                for variable in &it.declarations {
                    let names = variable.id.get_binding_identifiers();
                    if names.iter().any(|it| it.name == "handler") {
                        self.handler = true;
                        self.streams |= variable.init.as_ref().is_some_and(is_stream);
                    }
                    let config = names.iter().any(|it| it.name == "config");
                    if let (true, Some(init)) = (config, &variable.init) {
                        self.background |= is_background(init);
                    }
                }
            }
            _ => {}
        }
    }

    /// `exports.X = …`, `module.exports.X = …`, `module.exports = { X }`.
    fn assignment(&mut self, assignment: &AssignmentExpression<'_>) {
        let Some(target) = member(&assignment.left) else { return };
        let Some(property) = target.static_property_name() else { return };
        if is_exports(target.object()) {
            match property {
                "default" => self.default = true,
                "handler" => {
                    self.handler = true;
                    self.streams |= is_stream(&assignment.right);
                }
                "config" => self.background |= is_background(&assignment.right),
                _ => {}
            }
        } else if property == "exports"
            && target.object().is_specific_id("module")
            && let Expression::ObjectExpression(object) = assignment.right.get_inner_expression()
        {
            self.handler |= value(object, "handler").is_some();
            self.streams |= value(object, "handler").is_some_and(is_stream);
        }
    }
}

fn member<'a, 'b>(target: &'b AssignmentTarget<'a>) -> Option<&'b MemberExpression<'a>> {
    target.as_member_expression()
}

/// `exports` or `module.exports`.
fn is_exports(object: &Expression<'_>) -> bool {
    object.is_specific_id("exports")
        || object.as_member_expression().is_some_and(|it| {
            it.object().is_specific_id("module") && it.static_property_name() == Some("exports")
        })
}

/// A call of `stream`, a helper of `@netlify/functions`.
fn is_stream(expression: &Expression<'_>) -> bool {
    match expression.get_inner_expression() {
        Expression::CallExpression(call) => call.callee.is_specific_id("stream"),
        _ => false,
    }
}

/// `{ background: true }`.
fn is_background(expression: &Expression<'_>) -> bool {
    match expression.get_inner_expression() {
        Expression::ObjectExpression(object) => {
            let value = value(object, "background").map(Expression::get_inner_expression);
            matches!(value, Some(Expression::BooleanLiteral(it)) if it.value)
        }
        _ => false,
    }
}

fn value<'a, 'b>(object: &'b ObjectExpression<'a>, key: &str) -> Option<&'b Expression<'a>> {
    object.properties.iter().find_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(it) => {
            (it.key.static_name().as_deref() == Some(key)).then_some(&it.value)
        }
        ObjectPropertyKind::SpreadProperty(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_style_has_a_handler() {
        for text in [
            "exports.handler = async () => ({})",
            "module.exports.handler = () => {}",
            "exports['handler'] = () => {}",
            "exports.main = exports.handler = () => {}",
            "module.exports = { handler: async () => ({}) }",
            "const handler = () => {}; module.exports = { other: 1, handler }",
            "export const handler = async () => ({})",
            "export async function handler() {}",
            "const x = () => {}; export { x as handler }",
            "export { handler } from './lib.js'",
            "export default 1; export const handler = () => {}",
            "'use strict'; with_ = 1; exports.handler = () => {}; return",
        ] {
            assert_eq!(style("a.js", text), Ok(Style::V1), "{text}");
        }
    }

    #[test]
    fn the_second_style_has_a_default_export() {
        for text in [
            "export default async () => new Response('x')",
            "export default { fetch() {} }",
            "const x = () => {}; export { x as default }",
            "export { default } from './lib.js'",
            "exports.default = () => {}",
            "export async function handler() {} export default handler",
        ] {
            assert_eq!(style("a.js", text), Ok(Style::V2), "{text}");
        }
        let typed = "import type { Context } from '@netlify/functions'\n\
                     export default async (req: Request, context: Context) => new Response()\n\
                     export type { Context as handler }";
        assert_eq!(style("a.mts", typed), Ok(Style::V2));
        assert_eq!(style("a.tsx", "export default () => <p/>"), Ok(Style::V2));
    }

    #[test]
    fn what_is_unclear_is_refused() {
        let refused = |file, text| match style(file, text) {
            Err((line, why)) => format!("{line:?} {why}"),
            Ok(style) => panic!("{text} is {style:?}"),
        };
        insta::assert_snapshot!([
            refused("a.js", "module.exports = require('./b')"),
            refused("a.js", "// exports.handler = 1"),
            refused("a.mjs", "export * from './b.mjs'"),
            refused("a.js", "const a = 1\nexports.handler = }}}"),
            refused("a.ts", "\n\nconst a: = 1"),
            refused("a.js", "export const handler = stream(async () => {})"),
            refused("a.mjs", "export default () => {}\nexport const config = { background: true }"),
            refused("a.rb", ""),
        ].join("\n"), @r"
        None it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
        None it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
        None it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
        Some(2) this is no valid code: Unexpected token
        Some(3) this is no valid code: Unexpected token
        None it answers as a stream (`stream()`), which can't be wrapped yet
        None it runs in the background, which can't be wrapped yet
        None it is of a kind that can't be read
        ");
    }
}
