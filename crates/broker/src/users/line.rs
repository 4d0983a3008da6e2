//! One line of the users file.

use super::{Filters, Role, User};
use crate::password::{PasswordError, PasswordHash};
use crate::topic;

/// Ids of users and sites: as the inventory's.
const ID_LEN_MAX: usize = 64;

/// What is wrong with a line. What stood there is not repeated, it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The name is none.
    #[error("expected a name of 1 to {ID_LEN_MAX} characters of a-z, 0-9 and -")]
    Name,
    /// The name stood on an earlier line.
    #[error("the name stands on an earlier line")]
    Twice,
    /// The role is none.
    #[error("expected a role: device, edge, gateway, hub or observer")]
    Role,
    /// The rest is not made of keys and values, or not of the role's.
    #[error(
        "expected, once each, password=, site= (of a device), publish= and subscribe= (of a \
         gateway)"
    )]
    Key,
    /// The site is none.
    #[error("expected for a device site= with 1 to {ID_LEN_MAX} characters of a-z, 0-9 and -")]
    Site,
    /// A filter is none.
    #[error("expected topic filters separated by commas, + and # alone in a level, # in the last")]
    Filter,
    /// The password is no hash.
    #[error("password: {0}")]
    Password(PasswordError),
}

pub(super) fn is_id(text: &str) -> bool {
    let is_permitted =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ID_LEN_MAX).contains(&text.len()) && text.bytes().all(is_permitted)
}

#[derive(Default)]
struct Keys<'a> {
    password: Option<&'a str>,
    site: Option<&'a str>,
    publish: Option<&'a str>,
    subscribe: Option<&'a str>,
}

/// None if the line is empty or a note.
pub(super) fn read(line: &str) -> Result<Option<User>, LineFault> {
    let mut words = line.split_ascii_whitespace();
    let Some(name) = words.next().filter(|name| !name.starts_with('#')) else {
        return Ok(None);
    };
    if !is_id(name) {
        return Err(LineFault::Name);
    }
    let role = words.next().ok_or(LineFault::Role)?;
    let keys = keys(words)?;
    let role = read_role(role, &keys)?;
    let password = keys.password.map(str::parse::<PasswordHash>).transpose();
    Ok(Some(User {
        name: name.into(),
        role,
        password: password.map_err(LineFault::Password)?,
    }))
}

fn keys<'a>(words: impl Iterator<Item = &'a str>) -> Result<Keys<'a>, LineFault> {
    let mut keys = Keys::default();
    for word in words {
        let (key, value) = word.split_once('=').ok_or(LineFault::Key)?;
        let slot = match key {
            "password" => &mut keys.password,
            "site" => &mut keys.site,
            "publish" => &mut keys.publish,
            "subscribe" => &mut keys.subscribe,
            _ => return Err(LineFault::Key),
        };
        if slot.replace(value).is_some() {
            return Err(LineFault::Key);
        }
    }
    Ok(keys)
}

fn read_role(role: &str, keys: &Keys<'_>) -> Result<Role, LineFault> {
    let has_filters = keys.publish.is_some() || keys.subscribe.is_some();
    if (has_filters && role != "gateway") || (keys.site.is_some() && role != "device") {
        return Err(LineFault::Key);
    }
    match role {
        "device" => {
            let site = keys.site.filter(|site| is_id(site));
            let site = site.ok_or(LineFault::Site)?.to_owned();
            Ok(Role::Device { site })
        }
        "edge" => Ok(Role::Edge),
        "gateway" => Ok(Role::Gateway(Filters {
            publish: filters(keys.publish)?,
            subscribe: filters(keys.subscribe)?,
        })),
        "hub" => Ok(Role::Hub),
        "observer" => Ok(Role::Observer),
        _ => Err(LineFault::Role),
    }
}

fn filters(list: Option<&str>) -> Result<Vec<String>, LineFault> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let filters: Vec<String> = list.split(',').map(str::to_owned).collect();
    if filters.iter().all(|filter| topic::is_filter(filter)) {
        Ok(filters)
    } else {
        Err(LineFault::Filter)
    }
}
