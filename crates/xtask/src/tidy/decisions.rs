//! The pages under `crates/decisions/`: one per decision that cost an argument.

use std::collections::BTreeMap;

use super::tree::{Finding, Tree, line_where};

const FOLDER: &str = "crates/decisions/";
const INDEX: &str = "crates/decisions/README.md";

/// The parts of a page, in order.
const PARTS: [&str; 4] = ["## Question", "## Options", "## Choice", "## Price"];

/// Digits in front of a page's name: enough for ten pages a week over a working life.
const NUMBER_DIGITS: usize = 4;

/// The pages, as `(path, name, text)`.
fn pages(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    tree.texts().filter_map(|(path, text)| {
        let name = path.strip_prefix(FOLDER)?;
        (path != INDEX).then_some((path, name, text))
    })
}

pub fn pages_are_dated_and_whole(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, text) in pages(tree) {
        if !text
            .lines()
            .any(|line| line.strip_prefix("Date: ").is_some_and(is_date))
        {
            findings.push(Finding::new(
                path,
                3,
                "write `Date: YYYY-MM-DD` below the title",
            ));
        }
        let mut after = 0;
        for part in PARTS {
            if let Some(lines) = text.lines().skip(after).position(|line| line == part) {
                after += lines + 1;
            } else {
                let message = format!("write `{part}` after line {after}");
                findings.push(Finding::new(path, after + 1, message));
            }
        }
    }
    findings
}

pub fn pages_are_numbered_once_and_listed(tree: &Tree) -> Vec<Finding> {
    let index = tree.text(INDEX).unwrap_or_default();
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, name, _) in pages(tree) {
        let taken = number(name).map(|number| (number, numbers.insert(number, name)));
        let problem = match taken {
            None => {
                Some("name the page `NNNN-slug.md`: four digits, then a-z, 0-9, `-`".to_owned())
            }
            Some((number, Some(other))) => {
                Some(format!("{number} is {other}: take the next free number"))
            }
            Some((_, None)) => None,
        };
        findings.extend(problem.map(|message| Finding::new(path, 1, message)));
        if !index.contains(&format!("({name})")) {
            findings.push(Finding::new(
                path,
                1,
                format!("list it in {INDEX} as `[...]({name})`"),
            ));
        }
    }
    findings.extend(dead_links(tree, index));
    findings
}

fn dead_links(tree: &Tree, index: &str) -> Vec<Finding> {
    let targets = index
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|name| number(name).is_some() && tree.text(&format!("{FOLDER}{name}")).is_none())
        .map(|name| {
            let line = line_where(index, |line| line.contains(name));
            Finding::new(
                INDEX,
                line,
                format!("there is no page {name}: remove the line"),
            )
        })
        .collect()
}

/// The digits of `NNNN-slug.md`.
fn number(name: &str) -> Option<&str> {
    let (number, slug) = name.strip_suffix(".md")?.split_once('-')?;
    let digits = number.len() == NUMBER_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
    let letters = slug
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (digits && letters && !slug.is_empty()).then_some(number)
}

fn is_date(text: &str) -> bool {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == "YYYY-MM-DD".len() && text.bytes().enumerate().all(shape)
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    const WHOLE: &str = "# T\n\nDate: 2026-11-23\n\n## Question\n## Options\n## Choice\n## Price\n";

    #[test]
    fn an_undated_page_and_a_page_without_its_price_are_found() {
        let undated = WHOLE.replace("2026-11-23", "today");
        let free = WHOLE.replace("## Price\n", "");
        let tree = Tree::of(&[
            ("crates/decisions/0001-a.md", WHOLE),
            ("crates/decisions/0002-b.md", &undated),
            ("crates/decisions/0003-c.md", &free),
        ]);
        let found = places(&pages_are_dated_and_whole(&tree));
        assert_eq!(
            found,
            [
                "crates/decisions/0002-b.md:3",
                "crates/decisions/0003-c.md:8"
            ]
        );
    }

    #[test]
    fn a_page_that_is_unlisted_misnamed_or_numbered_twice_is_found() {
        let tree = Tree::of(&[
            (
                INDEX,
                "[a](0001-a.md)\n[b](0001-b.md)\n[c](C.md)\n[gone](0009-gone.md)\n",
            ),
            ("crates/decisions/0001-a.md", WHOLE),
            ("crates/decisions/0001-b.md", WHOLE),
            ("crates/decisions/0002-unlisted.md", WHOLE),
            ("crates/decisions/C.md", WHOLE),
        ]);
        let found = places(&pages_are_numbered_once_and_listed(&tree));
        let pages = ["0001-b.md:1", "0002-unlisted.md:1", "C.md:1", "README.md:4"];
        assert_eq!(found, pages.map(|page| format!("{FOLDER}{page}")));
    }
}
