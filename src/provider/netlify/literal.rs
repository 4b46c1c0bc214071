//! Literals, which have a value without a run.

use oxc_ast::ast::{Argument, Expression, ObjectPropertyKind};
use serde_json::Value;

/// The value of a literal; none where only a run can tell.
pub(super) fn value(literal: &Expression<'_>) -> Option<Value> {
    Some(match literal {
        Expression::BooleanLiteral(it) => it.value.into(),
        Expression::StringLiteral(it) => it.value.as_str().into(),
        Expression::NumericLiteral(it) => number(it.value)?,
        Expression::NullLiteral(_) => Value::Null,
        Expression::ArrayExpression(it) => {
            let items = it.elements.iter().map(|it| value(it.as_expression()?));
            Value::Array(items.collect::<Option<_>>()?)
        }
        Expression::ObjectExpression(it) => {
            let items = it.properties.iter().filter_map(|it| match it {
                ObjectPropertyKind::ObjectProperty(it) => {
                    Some((it.key.static_name()?.into_owned(), value(&it.value)?))
                }
                ObjectPropertyKind::SpreadProperty(_) => None,
            });
            Value::Object(items.collect())
        }
        // What minifiers make of `true` and `false`.
        Expression::UnaryExpression(it) if it.operator.is_not() => match &it.argument {
            Expression::NumericLiteral(it) => (it.value == 0.0).into(),
            _ => return None,
        },
        _ => return None,
    })
}

fn number(value: f64) -> Option<Value> {
    #[allow(clippy::cast_possible_truncation)] // checked by going back
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss, clippy::float_cmp)]
    if whole as f64 == value {
        Some(whole.into())
    } else {
        Some(serde_json::Number::from_f64(value)?.into())
    }
}

/// The text of an argument, where it is one.
pub(super) fn text<'a>(argument: Option<&'a Argument<'_>>) -> Option<&'a str> {
    match argument?.as_expression()?.get_inner_expression() {
        Expression::StringLiteral(it) => Some(it.value.as_str()),
        _ => None,
    }
}
