//! What a file exports, as Netlify's bundler reads it: by the text alone, without running it.
//! Source of the rules: `traverseNodes` and `parseSource` of `@netlify/zip-it-and-ship-it`.

use std::collections::{BTreeMap, HashMap};

use oxc_ast::ast::{
    AssignmentExpression, AssignmentTarget, BindingPattern, CallExpression, Declaration,
    ExportDefaultDeclarationKind, Expression, ImportDeclarationSpecifier, ObjectExpression,
    ObjectPropertyKind, Program, Statement, VariableDeclaration,
};
use serde_json::Value;

use super::{
    literal,
    source::{bytes, line},
};

/// The package whose helpers the bundler knows.
const HELPERS: &str = "@netlify/functions";

/// What a file exports, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exports {
    /// Whether it has a default export.
    pub(super) default: bool,
    /// Whether it has a `handler` that counts against a default export.
    pub(super) handler: bool,
    /// Whether it has a `handler` that the bundler does not see, such as in
    /// `module.exports = { handler }`.
    pub(super) hidden_handler: bool,
    /// The files whose exports are all its own: `module.exports = require('./x')`.
    pub(super) same_as: Vec<String>,
    /// What its `handler` is wrapped in.
    pub(super) helper: Option<Helper>,
    /// Its `config`, as far as it is literal, and so in effect.
    pub(super) config: Option<BTreeMap<String, Value>>,
    /// The keys of its `config` that are no literals.
    pub(super) ignored: Vec<String>,
    /// What the object that is its default export has, if it is such an object.
    pub(super) object: Option<Vec<String>>,
}

/// A helper of Netlify's around a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Helper {
    /// `schedule('@daily', …)`.
    Schedule {
        /// When, if that is a literal.
        cron: Option<String>,
        /// The line.
        line: usize,
    },
    /// `stream(…)`.
    Stream,
}

impl Exports {
    pub(super) fn of(program: &Program<'_>, text: &str) -> Self {
        let mut reading = Reading {
            text,
            bound: HashMap::new(),
            helpers: HashMap::new(),
            found: Self::default(),
        };
        for statement in &program.body {
            reading.bind(statement);
        }
        for statement in &program.body {
            reading.statement(statement);
        }
        reading.found
    }
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Bound<'p, 'a> {
    Function,
    Value(&'p Expression<'a>),
}

struct Reading<'p, 'a> {
    text: &'p str,
    bound: HashMap<&'p str, Bound<'p, 'a>>,
    /// The helpers, by the names that they have here.
    helpers: HashMap<&'p str, &'static str>,
    found: Exports,
}

impl<'p, 'a> Reading<'p, 'a> {
    fn bind(&mut self, statement: &'p Statement<'a>) {
        match statement {
            Statement::FunctionDeclaration(it) => {
                if let Some(name) = &it.id {
                    self.bound.insert(name.name.as_str(), Bound::Function);
                }
            }
            Statement::VariableDeclaration(it) => self.bind_variables(it),
            Statement::ExportDeclaration(it) => match &it.declaration {
                Declaration::VariableDeclaration(it) => self.bind_variables(it),
                Declaration::FunctionDeclaration(it) => {
                    if let Some(name) = &it.id {
                        self.bound.insert(name.name.as_str(), Bound::Function);
                    }
                }
                _ => {}
            },
            Statement::ExpressionStatement(it) => {
                if let Expression::AssignmentExpression(it) = &it.expression
                    && let AssignmentTarget::AssignmentTargetIdentifier(name) = &it.left
                {
                    self.bound.insert(name.name.as_str(), Bound::Value(&it.right));
                }
            }
            Statement::ImportDeclaration(it) if it.source.value == HELPERS => {
                for it in it.specifiers.iter().flatten() {
                    if let ImportDeclarationSpecifier::ImportSpecifier(it) = it {
                        self.bind_helper(it.local.name.as_str(), it.imported.name().as_str());
                    }
                }
            }
            _ => {}
        }
    }

    fn bind_variables(&mut self, variables: &'p VariableDeclaration<'a>) {
        for it in &variables.declarations {
            let Some(value) = &it.init else { continue };
            match &it.id {
                BindingPattern::BindingIdentifier(name) => {
                    self.bound.insert(name.name.as_str(), Bound::Value(value));
                }
                BindingPattern::ObjectPattern(names) if required(value) == Some(HELPERS) => {
                    for it in &names.properties {
                        if let (Some(name), BindingPattern::BindingIdentifier(local)) =
                            (it.key.static_name(), &it.value)
                        {
                            self.bind_helper(local.name.as_str(), &name);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn bind_helper(&mut self, local: &'p str, name: &str) {
        if let Some(name) = ["schedule", "stream"].into_iter().find(|it| name == *it) {
            self.helpers.insert(local, name);
        }
    }

    fn statement(&mut self, statement: &'p Statement<'a>) {
        match statement {
            Statement::ExportDefaultDeclaration(it) => {
                self.found.default = true;
                if let Some(value) = it.declaration.as_expression() {
                    self.default_object(value);
                } else if let ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) =
                    &it.declaration
                {
                    self.found.default = false;
                }
            }
            Statement::ExportDeclaration(it) if it.export_kind().is_value() => {
                self.declaration(&it.declaration);
            }
            Statement::ExportNamedDeclaration(it) if it.export_kind.is_value() => {
                for it in it.specifiers.iter().filter(|it| it.export_kind.is_value()) {
                    let local = it.local.name().as_str();
                    self.named(it.exported.name().as_str(), self.bound.get(local).copied());
                }
            }
            Statement::ExportFromDeclaration(it) if it.export_kind.is_value() => {
                for it in it.specifiers.iter().filter(|it| it.export_kind.is_value()) {
                    self.named(it.exported.name().as_str(), None);
                }
            }
            Statement::ExportAllDeclaration(it)
                if it.export_kind.is_value() && it.exported.is_none() =>
            {
                self.found.same_as.push(it.source.value.to_string());
            }
            Statement::TSExportAssignment(it) => self.whole(&it.expression),
            Statement::ExpressionStatement(it) => {
                let mut expression = it.expression.get_inner_expression();
                // `exports.handler = exports.main = …`, of which the bundler sees the first.
                let mut is_first = true;
                while let Expression::AssignmentExpression(it) = expression {
                    self.assignment(it, is_first);
                    expression = it.right.get_inner_expression();
                    is_first = false;
                }
            }
            _ => {}
        }
    }

    /// `export { x as NAME }`. Without a value, it comes from another file.
    fn named(&mut self, name: &str, value: Option<Bound<'p, 'a>>) {
        match (name, value) {
            ("default", value) => {
                self.found.default = true;
                if let Some(Bound::Value(value)) = value {
                    self.default_object(value);
                }
            }
            ("handler", Some(Bound::Value(value))) => self.handler(value),
            ("handler", Some(Bound::Function)) => self.found.handler = true,
            ("handler", None) => self.found.hidden_handler = true,
            ("config", Some(Bound::Value(value))) => self.config(value),
            _ => {}
        }
    }

    fn declaration(&mut self, declaration: &'p Declaration<'a>) {
        match declaration {
            Declaration::FunctionDeclaration(it) => {
                self.found.hidden_handler |= it.name().is_some_and(|name| name == "handler");
            }
            Declaration::VariableDeclaration(it) => {
                for it in &it.declarations {
                    match (&it.id, &it.init) {
                        (BindingPattern::BindingIdentifier(name), Some(value)) => {
                            match name.name.as_str() {
                                "handler" => self.handler(value),
                                "config" => self.config(value),
                                _ => {}
                            }
                        }
                        (names, _) => {
                            let names = names.get_binding_identifiers();
                            self.found.hidden_handler |=
                                names.iter().any(|it| it.name == "handler");
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// `exports.X = …`, `module.exports.X = …`, `module.exports = …`.
    fn assignment(&mut self, assignment: &'p AssignmentExpression<'a>, is_first: bool) {
        let Some(target) = assignment.left.as_member_expression() else { return };
        let Some(property) = target.static_property_name() else { return };
        let value = &assignment.right;
        if is_exports(target.object()) {
            match property {
                "default" => {
                    self.found.default = true;
                    self.default_object(value);
                }
                "handler" if is_first => self.handler(value),
                "handler" => self.found.hidden_handler = true,
                "config" => self.config(value),
                _ => {}
            }
        } else if property == "exports" && target.object().is_specific_id("module") {
            self.whole(value);
        }
    }

    /// `module.exports = VALUE`.
    fn whole(&mut self, value: &'p Expression<'a>) {
        match self.resolved(value) {
            Expression::ObjectExpression(it) => {
                self.found.hidden_handler |= property(it, "handler").is_some();
                if let Some(value) = property(it, "handler") {
                    self.helped(value);
                }
            }
            value => self.found.same_as.extend(required(value).map(str::to_owned)),
        }
    }

    fn handler(&mut self, value: &'p Expression<'a>) {
        // The bundler does not see what the method of an object answers.
        match value {
            Expression::CallExpression(it) if !it.callee.is_identifier_reference() => {
                self.found.hidden_handler = true;
            }
            _ => self.found.handler = true,
        }
        self.helped(value);
    }

    fn helped(&mut self, value: &'p Expression<'a>) {
        let Expression::CallExpression(call) = self.resolved(value) else { return };
        let Expression::Identifier(callee) = &call.callee else { return };
        self.found.helper = match self.helpers.get(callee.name.as_str()).copied() {
            Some("schedule") => Some(Helper::Schedule {
                cron: literal::text(call.arguments.first()).map(str::to_owned),
                line: line(self.text, bytes(call.span).0),
            }),
            Some("stream") => Some(Helper::Stream),
            _ => return,
        };
    }

    /// The value itself, where `value` is the name of one.
    fn resolved(&self, value: &'p Expression<'a>) -> &'p Expression<'a> {
        let value = value.get_inner_expression();
        match value {
            Expression::Identifier(it) => match self.bound.get(it.name.as_str()) {
                Some(Bound::Value(value)) => value.get_inner_expression(),
                Some(Bound::Function) | None => value,
            },
            _ => value,
        }
    }

    fn default_object(&mut self, value: &'p Expression<'a>) {
        let Expression::ObjectExpression(object) = self.resolved(value) else { return };
        let names = object.properties.iter().filter_map(|it| match it {
            ObjectPropertyKind::ObjectProperty(it) => Some(it.key.static_name()?.into_owned()),
            ObjectPropertyKind::SpreadProperty(_) => None,
        });
        self.found.object = Some(names.collect());
        // An exported `config` wins.
        if let (None, Some(config)) = (&self.found.config, property(object, "config")) {
            self.config(config);
        }
    }

    fn config(&mut self, value: &'p Expression<'a>) {
        let Expression::ObjectExpression(object) = value.get_inner_expression() else { return };
        let mut config = BTreeMap::new();
        self.found.ignored.clear();
        for it in &object.properties {
            let ObjectPropertyKind::ObjectProperty(it) = it else { continue };
            let Some(key) = it.key.static_name() else { continue };
            match literal::value(&it.value) {
                Some(value) => _ = config.insert(key.into_owned(), value),
                None => self.found.ignored.push(key.into_owned()),
            }
        }
        self.found.config = Some(config);
    }
}

/// What `value` requires, if it is a `require`.
fn required<'p>(value: &'p Expression<'_>) -> Option<&'p str> {
    let Expression::CallExpression(call) = value.get_inner_expression() else { return None };
    let call: &CallExpression<'_> = call;
    if !call.callee.is_specific_id("require") {
        return None;
    }
    literal::text(call.arguments.first())
}

/// `exports` or `module.exports`.
fn is_exports(object: &Expression<'_>) -> bool {
    object.is_specific_id("exports")
        || object.as_member_expression().is_some_and(|it| {
            it.object().is_specific_id("module") && it.static_property_name() == Some("exports")
        })
}

fn property<'p, 'a>(object: &'p ObjectExpression<'a>, key: &str) -> Option<&'p Expression<'a>> {
    object.properties.iter().find_map(|it| match it {
        ObjectPropertyKind::ObjectProperty(it) => {
            (it.key.static_name().as_deref() == Some(key)).then_some(&it.value)
        }
        ObjectPropertyKind::SpreadProperty(_) => None,
    })
}
