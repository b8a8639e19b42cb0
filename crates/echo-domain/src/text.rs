//! Text from people: what is trimmed, counted and refused everywhere alike.

use crate::{Error, Result};

/// `text` trimmed, when it has `min` to `max` characters (Unicode scalar values) and no NUL.
pub(crate) fn parse(field: &'static str, text: &str, min: usize, max: usize) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length < min && min == 1 {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if length < min || length > max {
        return Err(Error::invalid(field, format!("must have {min} to {max} characters")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not contain the NUL character"));
    }
    Ok(text.to_owned())
}
