//! Formulas over fields of the same message: bounded, total, in fixed point.
//!
//! ```text
//! formula = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]      1 or 0
//! sum     = product { ("+" | "-") product }
//! product = factor { ("*" | "/") factor }
//! factor  = number | field | "-" factor | "(" formula ")" | ("min" | "max") "(" formula "," formula ")"
//! ```
//!
//! Numbers are millionths in 64 bits; a result beyond them, and a division by zero, is no value.

use crate::number::{Fixed, MICRO};

/// Characters of a formula: four times the longest of the built-in profiles.
pub(super) const FORMULA_CHARS_MAX: usize = 256;
/// Open brackets and signs: deeper is not read by people either.
const DEPTH_MAX: usize = 8;
/// Steps of a formula; a step is a number, a field or an operation.
const STEPS_MAX: usize = 64;

/// A formula as steps of a stack machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Formula {
    /// As it is written.
    pub text: String,
    steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Number(i64),
    Field(String),
    Negate,
    Two(Operation),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// Why a formula has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoValue<E> {
    /// A field has none.
    Field(E),
    /// Beyond 64 bits, or divided by zero.
    Overflow,
}

impl Formula {
    /// Reads a formula.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > FORMULA_CHARS_MAX {
            let found = text.len();
            return Err(format!(
                "expected a formula of at most {FORMULA_CHARS_MAX} characters, found {found}"
            ));
        }
        let mut reader = Reader {
            text,
            at: 0,
            steps: Vec::new(),
        };
        reader.formula(0)?;
        match reader.peek() {
            None => Ok(Self {
                text: text.to_owned(),
                steps: reader.steps,
            }),
            Some(_more) => Err(reader.expected("an operation or the end")),
        }
    }

    /// The fields that it needs.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Number(_) | Step::Negate | Step::Two(_) => None,
        })
    }

    /// Its value, with those of its fields.
    pub(super) fn value<E>(
        &self,
        mut field: impl FnMut(&str) -> Result<Fixed, E>,
    ) -> Result<Fixed, NoValue<E>> {
        let mut stack: Vec<i64> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let value = match step {
                Step::Number(micros) => Some(*micros),
                Step::Field(name) => Some(field(name).map_err(NoValue::Field)?.micros()),
                Step::Negate => stack.pop().and_then(i64::checked_neg),
                Step::Two(operation) => {
                    let right = stack.pop();
                    let left = stack.pop();
                    left.zip(right)
                        .and_then(|(left, right)| operation.apply(left, right))
                }
            };
            stack.push(value.ok_or(NoValue::Overflow)?);
        }
        stack.pop().map(Fixed::from_micros).ok_or(NoValue::Overflow)
    }
}

impl Operation {
    /// In millionths; none beyond 64 bits and for a division by zero.
    fn apply(self, left: i64, right: i64) -> Option<i64> {
        let unit = i128::from(MICRO);
        let (wide_left, wide_right) = (i128::from(left), i128::from(right));
        let truth = |yes: bool| if yes { MICRO } else { 0 };
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => i64::try_from(wide_left * wide_right / unit).ok(),
            Self::Divide => {
                let quotient = (wide_left * unit).checked_div(wide_right)?;
                i64::try_from(quotient).ok()
            }
            Self::Min => Some(left.min(right)),
            Self::Max => Some(left.max(right)),
            Self::Less => Some(truth(left < right)),
            Self::LessOrEqual => Some(truth(left <= right)),
            Self::Greater => Some(truth(left > right)),
            Self::GreaterOrEqual => Some(truth(left >= right)),
            Self::Equal => Some(truth(left == right)),
            Self::NotEqual => Some(truth(left != right)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    steps: Vec<Step>,
}

impl<'a> Reader<'a> {
    fn formula(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!(
                "expected at most {DEPTH_MAX} open brackets and signs"
            ));
        }
        self.sum(depth)?;
        let comparison = [
            ("<=", Operation::LessOrEqual),
            (">=", Operation::GreaterOrEqual),
            ("==", Operation::Equal),
            ("!=", Operation::NotEqual),
            ("<", Operation::Less),
            (">", Operation::Greater),
        ];
        if let Some(operation) = self.take_one(&comparison) {
            self.sum(depth)?;
            self.push(Step::Two(operation))?;
        }
        Ok(())
    }

    fn sum(&mut self, depth: usize) -> Result<(), String> {
        self.product(depth)?;
        let operations = [("+", Operation::Add), ("-", Operation::Subtract)];
        while let Some(operation) = self.take_one(&operations) {
            self.product(depth)?;
            self.push(Step::Two(operation))?;
        }
        Ok(())
    }

    fn product(&mut self, depth: usize) -> Result<(), String> {
        self.factor(depth)?;
        let operations = [("*", Operation::Multiply), ("/", Operation::Divide)];
        while let Some(operation) = self.take_one(&operations) {
            self.factor(depth)?;
            self.push(Step::Two(operation))?;
        }
        Ok(())
    }

    fn factor(&mut self, depth: usize) -> Result<(), String> {
        if self.take("(") {
            self.formula(depth + 1)?;
            return self.close();
        }
        if self.take("-") {
            if depth >= DEPTH_MAX {
                return Err(format!(
                    "expected at most {DEPTH_MAX} open brackets and signs"
                ));
            }
            self.factor(depth + 1)?;
            return self.push(Step::Negate);
        }
        match self.peek() {
            Some(next) if next.is_ascii_digit() => {
                let digits = self.word(|next| next.is_ascii_digit() || next == '.');
                let number = decimal(digits).ok_or_else(|| self.expected("a number"))?;
                self.push(Step::Number(number.micros()))
            }
            Some(next) if next.is_ascii_alphabetic() || next == '_' => {
                let name = self.word(|next| next.is_ascii_alphanumeric() || next == '_');
                let operation = match name {
                    "min" => Operation::Min,
                    "max" => Operation::Max,
                    _field => return self.push(Step::Field(name.to_owned())),
                };
                self.two(operation, depth)
            }
            Some(_) | None => Err(self.expected("a number, a field, - or (")),
        }
    }

    fn two(&mut self, operation: Operation, depth: usize) -> Result<(), String> {
        if !self.take("(") {
            return Err(self.expected("("));
        }
        self.formula(depth + 1)?;
        if !self.take(",") {
            return Err(self.expected(","));
        }
        self.formula(depth + 1)?;
        self.close()?;
        self.push(Step::Two(operation))
    }

    fn close(&mut self) -> Result<(), String> {
        if self.take(")") {
            Ok(())
        } else {
            Err(self.expected(")"))
        }
    }

    fn push(&mut self, step: Step) -> Result<(), String> {
        if self.steps.len() == STEPS_MAX {
            return Err(format!(
                "expected at most {STEPS_MAX} numbers and operations"
            ));
        }
        self.steps.push(step);
        Ok(())
    }

    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or("");
        let trimmed = rest.trim_start_matches(' ');
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn peek(&mut self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    fn take_one(&mut self, tokens: &[(&str, Operation)]) -> Option<Operation> {
        let found = tokens.iter().find(|(token, _)| self.take(token));
        found.map(|(_, operation)| *operation)
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|next| !is_part(next)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn expected(&self, what: &str) -> String {
        format!("formula: expected {what} at character {}", self.at + 1)
    }
}

/// A decimal such as `+21.5`: digits, at most one point between digits, at most 18 digits.
pub(super) fn decimal(text: &str) -> Option<Fixed> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if digits.len() > 19 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    Fixed::from_json(text.strip_prefix('+').unwrap_or(text))
}
