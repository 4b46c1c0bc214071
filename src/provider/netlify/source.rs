//! One file of JavaScript or TypeScript: what it exports and what it imports.

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    CallExpression, Expression, ImportDeclaration, ImportDeclarationSpecifier, ImportExpression,
    Program, Statement, TSImportEqualsDeclaration, TSModuleReference, TryStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::{GetSpan as _, SourceType, Span};

use super::exports::Exports;
use crate::config::with_room;

/// A file that is valid code.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    /// Whether it is an ES module, and not `CommonJS`.
    pub(super) module: bool,
    /// Whether it has types or JSX in it, which Node.js does not run.
    pub(super) typed: bool,
    pub(super) exports: Exports,
    pub(super) links: Vec<Link>,
    /// The lines where it loads what only a run can tell.
    pub(super) computed: Vec<usize>,
    /// The line where it makes its answer a stream by the function of AWS Lambda itself.
    pub(super) streams: Option<usize>,
}

/// A place where a file names another one or a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// What it names: `./lib/mail.js`, `stripe`.
    pub(super) to: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The bytes of the whole call, where it is a `require` or an `import()`.
    pub(super) call: Option<(usize, usize)>,
    /// Whether it is an import.
    pub(super) is_import: bool,
    /// Whether the file takes care of it where it is missing.
    pub(super) optional: bool,
}

impl Link {
    /// Whether it names a file and not a package.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.to.split('/').next(), Some("." | ".." | ""))
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, from 1, where one is known.
    pub(super) line: Option<usize>,
    pub(super) why: String,
    /// Whether Netlify can't run it either. Else it only can't be read here.
    pub(super) broken: bool,
}

impl Fault {
    pub(super) fn broken(line: Option<usize>, why: String) -> Self {
        Self { line, why, broken: true }
    }
}

impl Source {
    /// Reads `text`, the content of a file called `file`.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Fault> {
        with_room(text, || Self::parse_here(file, text))
            .unwrap_or_else(|why| Err(Fault { line: None, why: why.to_owned(), broken: false }))
    }

    fn parse_here(file: &str, text: &str) -> Result<Self, Fault> {
        let mut first = None;
        for source_type in source_types(file) {
            let allocator = Allocator::default();
            let parsed = Parser::new(&allocator, text, source_type).parse();
            if !parsed.panicked && parsed.diagnostics.is_empty() {
                let mut links = Links {
                    text,
                    found: Vec::new(),
                    computed: Vec::new(),
                    streams: None,
                    tries: 0,
                };
                links.visit_program(&parsed.program);
                links.exported(&parsed.program);
                return Ok(Self {
                    text: text.to_owned(),
                    module: parsed.module_record.has_module_syntax,
                    typed: source_type.is_typescript() || is_jsx(file),
                    exports: Exports::of(&parsed.program, text),
                    links: links.found,
                    computed: links.computed,
                    streams: links.streams,
                });
            }
            let error = parsed.diagnostics.iter().next();
            let at =
                error.and_then(|it| it.labels.iter().next()).map(oxc_span::LabeledSpan::offset);
            let line = at.and_then(|at| usize::try_from(at).ok()).map(|at| line(text, at));
            let message = error.map_or_else(|| "it can't be read".to_owned(), ToString::to_string);
            let why = format!("this is no valid code: {message}");
            first.get_or_insert(Fault::broken(line, why));
        }
        let why = || "it is of a kind that can't be read".to_owned();
        Err(first.unwrap_or_else(|| Fault::broken(None, why())))
    }
}

/// What the file may be: plain JavaScript says only by being read whether it is a module.
pub(super) fn source_types(file: &str) -> Vec<SourceType> {
    match extension(file) {
        Some("js" | "cjs") => vec![SourceType::mjs(), SourceType::cjs()],
        Some("mjs") => vec![SourceType::mjs()],
        Some("jsx") => vec![SourceType::jsx()],
        Some("ts" | "mts" | "cts") => vec![SourceType::ts()],
        Some("tsx") => vec![SourceType::tsx()],
        _ => Vec::new(),
    }
}

pub(super) fn extension(file: &str) -> Option<&str> {
    Path::new(file).extension().and_then(|it| it.to_str())
}

fn is_jsx(file: &str) -> bool {
    extension(file) == Some("jsx")
}

/// The line, from 1, of the byte at `at`.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// Collects what a file names.
struct Links<'t> {
    text: &'t str,
    found: Vec<Link>,
    computed: Vec<usize>,
    streams: Option<usize>,
    /// How many `try` blocks stand around.
    tries: usize,
}

impl Links<'_> {
    fn add(&mut self, to: &str, span: Span, is_call: bool, is_import: bool) {
        let (start, end) = bytes(span);
        let link = Link {
            to: to.to_owned(),
            line: line(self.text, start),
            call: is_call.then_some((start, end)),
            is_import,
            optional: self.tries > 0,
        };
        self.found.push(link);
    }

    fn exported(&mut self, program: &Program<'_>) {
        for statement in &program.body {
            match statement {
                Statement::ExportAllDeclaration(it) if it.export_kind.is_value() => {
                    self.add(&it.source.value, it.span, false, true);
                }
                Statement::ExportFromDeclaration(it) if it.export_kind.is_value() => {
                    self.add(&it.source.value, it.span, false, true);
                }
                _ => {}
            }
        }
    }

    fn loaded(&mut self, from: &Expression<'_>, span: Span, is_import: bool) {
        match from.get_inner_expression() {
            Expression::StringLiteral(it) => self.add(&it.value, span, true, is_import),
            Expression::TemplateLiteral(it) if it.expressions.is_empty() => {
                let to = it.quasis.first().and_then(|it| it.value.cooked.as_ref());
                self.add(to.map_or("", |it| it.as_str()), span, true, is_import);
            }
            _ => self.computed.push(line(self.text, bytes(span).0)),
        }
    }
}

impl<'a> Visit<'a> for Links<'_> {
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        // Types are gone when it runs.
        let is_type = |it: &ImportDeclarationSpecifier<'_>| match it {
            ImportDeclarationSpecifier::ImportSpecifier(it) => it.import_kind.is_type(),
            _ => false,
        };
        let mut specifiers = it.specifiers.iter().flatten().peekable();
        let only_types = specifiers.peek().is_some() && specifiers.all(is_type);
        if it.import_kind.is_value() && !only_types {
            self.add(&it.source.value, it.span, false, true);
        }
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        self.loaded(&it.source, it.span, true);
        walk::walk_import_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if it.callee.is_specific_id("require")
            && let [from] = it.arguments.as_slice()
        {
            match from.as_expression() {
                Some(from) => self.loaded(from, it.span, false),
                None => self.computed.push(line(self.text, bytes(from.span()).0)),
            }
        }
        let callee = it.callee.get_member_expr();
        if callee.is_some_and(|it| it.is_specific_member_access("awslambda", "streamifyResponse")) {
            self.streams = Some(line(self.text, bytes(it.span).0));
        }
        walk::walk_call_expression(self, it);
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        if let TSModuleReference::ExternalModuleReference(from) = &it.module_reference
            && it.import_kind.is_value()
        {
            self.add(&from.expression.value, it.span, false, false);
        }
    }

    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        self.tries += usize::from(it.handler.is_some());
        self.visit_block_statement(&it.block);
        self.tries -= usize::from(it.handler.is_some());
        if let Some(handler) = &it.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(last) = &it.finalizer {
            self.visit_block_statement(last);
        }
    }
}

pub(super) fn bytes(span: Span) -> (usize, usize) {
    (span.start as usize, span.end as usize)
}
