//! Pages: templates embedded in the program, every value escaped.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use rust_embed::Embed;
use serde::Serialize;

use crate::app::ConsoleError;
use crate::lang::{Catalogue, Lang};
use crate::problem::Problem;

#[derive(Embed)]
#[folder = "templates/"]
struct Files;

/// All templates, compiled.
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// Compiles all templates: a mistake in one is found when the console starts.
    pub fn load() -> Result<Self, ConsoleError> {
        let mut environment = Environment::new();
        let damaged = |error: Error| ConsoleError::Files(format!("{error:#}"));
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(damaged)?;
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_name| AutoEscape::Html);
        for name in Files::iter() {
            let file = Files::get(&name)
                .ok_or_else(|| ConsoleError::Files(format!("template {name} is missing")))?;
            let text = String::from_utf8(file.data.into_owned())
                .map_err(|error| ConsoleError::Files(format!("template {name}: {error}")))?;
            environment
                .add_template_owned(name.into_owned(), text)
                .map_err(damaged)?;
        }
        Ok(Self(environment))
    }

    /// The text of a page. `t("key", name=value)` gives a text of the page's language.
    pub fn render(
        &self,
        name: &str,
        lang: Lang,
        texts: &Arc<Catalogue>,
        page: impl Serialize,
    ) -> Result<String, Problem> {
        let texts = Arc::clone(texts);
        let translate = move |key: &str, values: Kwargs| translate(&texts, key, &values);
        let context = minijinja::context! {
            lang => lang.tag(),
            html_lang => lang.html(),
            t => Value::from_function(translate),
            page => Value::from(Serde(&page)),
        };
        let template = self.0.get_template(name);
        template.and_then(|it| it.render(context)).map_err(|error| {
            let error = format!("{error:#}");
            tracing::error!(template = name, error, "a page cannot be made");
            Problem::internal()
        })
    }

    /// A page as an answer.
    pub fn page(
        &self,
        name: &str,
        lang: Lang,
        texts: &Arc<Catalogue>,
        page: impl Serialize,
    ) -> Result<Response, Problem> {
        let text = self.render(name, lang, texts, page)?;
        let mut response = Html(text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(lang.html()),
        );
        Ok(response)
    }
}

/// The text of a key with its values; a key that does not exist is an error, not a blank.
fn translate(texts: &Catalogue, key: &str, values: &Kwargs) -> Result<String, Error> {
    let Some(text) = texts.get(key) else {
        let detail = format!("no text has the key {key:?}");
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    };
    let mut text = text.to_owned();
    for name in values.args() {
        let value: Value = values.get(name)?;
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    Ok(text)
}
