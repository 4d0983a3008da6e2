//! Topic filters: which are well formed, and which topics they match (MQTT 5.0, 4.7).

/// True if a filter may be subscribed to: `+` and `#` stand alone in a level, `#` only in the last.
pub(crate) fn is_filter(filter: &str) -> bool {
    if filter.is_empty() {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_last = levels.peek().is_none();
        let is_well_formed = match level {
            "#" => is_last,
            "+" => true,
            _ => !level.contains(['+', '#']),
        };
        if !is_well_formed {
            return false;
        }
    }
    true
}

/// True if `filter`, which must be well formed, matches the topic name. A wildcard in the first
/// level does not match topics that begin with `$`.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if wanted == "#" {
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// True if every topic that `wanted` matches is matched by `allowed`; both must be well formed.
pub(crate) fn covers(allowed: &str, wanted: &str) -> bool {
    // Wildcards do not reach topics that begin with $.
    if wanted.starts_with('$') && allowed.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = wanted.split('/');
    for permitted in allowed.split('/') {
        if permitted == "#" {
            return true;
        }
        match levels.next() {
            Some("#") | None => return false,
            Some(level) if permitted == "+" || permitted == level => {}
            Some(_) => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests;
