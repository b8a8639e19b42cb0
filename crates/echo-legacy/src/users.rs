//! A user of the first Echo, as an account with its profile.

use echo_domain::{
    RawId, Timestamp,
    auth::{Account, Email, PasswordHash, Role, State, Username},
    media::{Holder, Image, Media, Picture},
    transfer::Record,
    users::Profile,
};

use crate::{fields::Fields, ids, report::Report};

/// A hash that no password is known to have.
const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The longest that somebody can sign in with.
const USERNAME_MAX: usize = 64;
const EMAIL_MAX: usize = 254;
const NAME_MAX: usize = 50;
const BIO_MAX: usize = 300;

/// Somebody, before it is known whether their names are free.
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) profile: Profile,
    pub(crate) picture: Option<Media>,
}

impl Person {
    /// Reads a document with an id. Whoever had an account has one again, whatever else is missing.
    pub(crate) fn read(id: RawId, user: Fields<'_>, report: &mut Report) -> Self {
        report.users.read += 1;
        report.users.kept += 1;
        let username = username(id, user, report);
        let created = created(id, user, report);
        let name = shortened(id, "name", user, NAME_MAX, report).unwrap_or_else(|| username.clone());
        let bio = shortened(id, "bio", user, BIO_MAX, report).unwrap_or_default();
        let picture = picture(id, user, report);
        let profile = Profile {
            bio,
            picture: picture.as_ref().map(|media| Picture::from(&media.image)),
            updated: user.time("updatedAt").unwrap_or(created),
            ..Profile::new(id.into(), &username, &name, created)
        };
        let account = Account {
            id: id.into(),
            username: Username::from_store(username),
            email: email(id, user, report),
            password: password(id, user, report),
            role: Role::User,
            state: State::Active,
            created,
        };
        Self { account, profile, picture }
    }

    pub(crate) fn rename(&mut self, username: String) {
        self.profile.username.clone_from(&username);
        self.account.username = Username::from_store(username);
    }

    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        let picture = self.picture.map(Record::Image);
        [Record::Account(self.account), Record::Profile(self.profile)].into_iter().chain(picture)
    }
}

fn username(id: RawId, user: Fields<'_>, report: &mut Report) -> String {
    let username = user.text("username").map(|text| text.trim().to_owned()).unwrap_or_default();
    if (1..=USERNAME_MAX).contains(&username.chars().count()) {
        return username;
    }
    report.users.mend("without a username that one can sign in with: called by their id", id);
    format!("user_{id}")
}

fn email(id: RawId, user: Fields<'_>, report: &mut Report) -> Email {
    let email = user.text("email").map(|text| text.trim().to_lowercase()).unwrap_or_default();
    if email.contains('@') && email.len() <= EMAIL_MAX {
        return Email::from_store(email);
    }
    report.users.mend("without an e-mail address: given one that gets no mail", id);
    // RFC 2606 §2: nobody has it.
    Email::from_store(format!("{id}@missing.invalid"))
}

fn password(id: RawId, user: Fields<'_>, report: &mut Report) -> PasswordHash {
    let password = user.text("password").filter(|hash| is_bcrypt(hash));
    if password.is_none() {
        report.users.mend("without a password: `echod user password` sets one", id);
    }
    PasswordHash::new(password.unwrap_or_else(|| NO_PASSWORD.to_owned()))
}

/// `$2b$10$`, 22 characters of salt and 31 of hash.
fn is_bcrypt(hash: &str) -> bool {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| hash.strip_prefix(prefix));
    let Some((cost, rest)) = rest.and_then(|rest| rest.split_once('$')) else { return false };
    let alphabet = |c: u8| c.is_ascii_alphanumeric() || c == b'.' || c == b'/';
    cost.parse().is_ok_and(|cost: u32| (4..=31).contains(&cost)) && rest.len() == 53 && rest.bytes().all(alphabet)
}

fn created(id: RawId, user: Fields<'_>, report: &mut Report) -> Timestamp {
    user.time("createdAt").unwrap_or_else(|| {
        report.users.mend("without createdAt: since the time in their id", id);
        id.created()
    })
}

/// A trimmed text of at most so many characters; `None` when there is none.
fn shortened(id: RawId, name: &str, user: Fields<'_>, max: usize, report: &mut Report) -> Option<String> {
    let text = user.text(name)?;
    let text = text.trim();
    if text.chars().count() > max {
        report.users.mend(&format!("{name} longer than {max} characters: shortened"), id);
    }
    (!text.is_empty()).then(|| text.chars().take(max).collect())
}

fn picture(id: RawId, user: Fields<'_>, report: &mut Report) -> Option<Media> {
    let location = user.document("profilePicture")?.text("secure_url").filter(|url| !url.is_empty())?;
    report.images.read += 1;
    if !is_address(&location) {
        report.images.leave_out("no address of an image", format!("of user {id}"));
        return None;
    }
    report.images.kept += 1;
    let image = linked(ids::placed(id, 0, &[id]), location);
    let holder = Some(Holder::Profile(id.into()));
    Some(Media { image, account: id.into(), holder, expires: None, blobs: None, bytes: 0 })
}

pub(crate) fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace)
}

/// An image that another service delivers, and of which nothing else is known.
pub(crate) fn linked(id: RawId, location: String) -> Image {
    Image {
        id: id.into(),
        location,
        width: 0,
        height: 0,
        blurhash: String::new(),
        alt: String::new(),
        variants: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_bcrypt_is_told_from_others() {
        let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        assert!(is_bcrypt(hash) && is_bcrypt(&hash.replace("2b", "2a")));
        for other in ["", "secret", "$2b$10$short", &hash.replace("$10$", "$99$"), &hash.replace("2b", "2x")] {
            assert!(!is_bcrypt(other), "{other}");
        }
    }
}
