//! Two languages as equals: `?lang=`, then the cookie, then `Accept-Language`, then Chinese.
//!
//! All texts of the pages stand in one catalogue per language, `i18n/{zh,en}.json`, as flat keys.
//! A text may hold `{name}` for a value. Both catalogues have the same keys (a test).

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};

use crate::app::ConsoleError;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The tag: `zh` or `en`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The tag of HTML's `lang`, which also chooses the shapes of Chinese characters.
    pub const fn html(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language of a tag such as `zh-Hans-CN`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?.trim();
        Self::ALL
            .into_iter()
            .find(|lang| primary.eq_ignore_ascii_case(lang.tag()))
    }

    /// The language of a request's headers.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
        text(header::COOKIE)
            .and_then(cookie)
            .or_else(|| text(header::ACCEPT_LANGUAGE).and_then(accepted))
            .unwrap_or(Self::Zh)
    }
}

fn cookie(cookies: &str) -> Option<Lang> {
    let pairs = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let mut of_lang = pairs.filter(|(name, _)| *name == "lang");
    of_lang.next().and_then(|(_, value)| Lang::from_tag(value))
}

/// The language with the greatest weight; the first of equals.
fn accepted(list: &str) -> Option<Lang> {
    let mut best: Option<(f64, Lang)> = None;
    for part in list.split(',').take(20) {
        let mut fields = part.split(';');
        let Some(lang) = fields.next().and_then(Lang::from_tag) else {
            continue;
        };
        let weight = fields
            .find_map(|field| field.trim().strip_prefix("q="))
            .map_or(Some(1.0), |q| q.parse().ok())
            .unwrap_or(0.0);
        if weight > 0.0 && best.is_none_or(|(known, _)| weight > known) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// The texts of one language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue(BTreeMap<String, String>);

impl Catalogue {
    /// The text of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The text of a key that is known to exist; the key itself shows a mistake of ours, which
    /// the tests find.
    pub fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or(key).to_owned()
    }

    /// The text with its values.
    pub fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut text = self.text(key);
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

/// The texts of both languages.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    zh: std::sync::Arc<Catalogue>,
    en: std::sync::Arc<Catalogue>,
}

impl Texts {
    /// Reads both catalogues.
    pub fn load() -> Result<Self, ConsoleError> {
        Ok(Self {
            zh: std::sync::Arc::new(read(Lang::Zh)?),
            en: std::sync::Arc::new(read(Lang::En)?),
        })
    }

    /// The texts of a language.
    pub const fn of(&self, lang: Lang) -> &std::sync::Arc<Catalogue> {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

fn read(lang: Lang) -> Result<Catalogue, ConsoleError> {
    let text = match lang {
        Lang::Zh => include_str!("../i18n/zh.json"),
        Lang::En => include_str!("../i18n/en.json"),
    };
    serde_json::from_str(text)
        .map(Catalogue)
        .map_err(|error| ConsoleError::Files(format!("i18n/{}.json: {error}", lang.tag())))
}

/// The keys of a language's catalogue, for tests that both say the same.
///
/// # Errors
/// [`ConsoleError::Files`] where the catalogue is damaged.
pub fn catalogue_keys(lang: Lang) -> Result<Vec<String>, ConsoleError> {
    read(lang).map(|catalogue| catalogue.0.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_greatest_weight_is_chosen() {
        assert_eq!(accepted("en;q=0.5, zh-Hans-CN;q=0.9"), Some(Lang::Zh));
        assert_eq!(accepted("fr, en-GB, zh"), Some(Lang::En));
        assert_eq!(accepted("zh;q=0"), None);
        assert_eq!(accepted("*"), None);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(cookie("a=b; lang=en; c=d"), Some(Lang::En));
        assert_eq!(cookie("slang=en"), None);
        assert_eq!(cookie("lang=<script>"), None);
    }
}
