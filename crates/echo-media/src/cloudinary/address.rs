//! What a blob is called at Cloudinary, and what is at an address of it.

use echo_domain::media::BlobName;
use percent_encoding::percent_decode_str;

/// A customer's part of Cloudinary, as its addresses name it.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// What the addresses of its images start with, whole.
    delivery: String,
}

impl Cloud {
    /// Of this name, at Cloudinary, or at `endpoint`, which stands in for it.
    #[must_use]
    pub fn new(name: &str, endpoint: Option<&str>) -> Self {
        let host = endpoint.unwrap_or("https://res.cloudinary.com");
        Self { delivery: format!("{host}/{name}/image/upload/") }
    }

    /// Where a blob is to be had. Cloudinary makes a narrower copy, or one of another kind, when it is first asked for.
    #[must_use]
    pub fn address(&self, name: BlobName<'_>) -> String {
        let (stem, extension) = (name.stem(), name.extension());
        match name.width() {
            Some(width) => format!("{}c_limit,w_{width}/{stem}.{extension}", self.delivery),
            None => format!("{}{stem}.{extension}", self.delivery),
        }
    }

    /// The `public_id` of the image at an address; `None` when it is another cloud's.
    pub(super) fn public_id_at(&self, address: &str) -> Option<String> {
        let path = address.strip_prefix(&self.delivery)?.split(['?', '#']).next()?;
        // Whatever goes before the version says how the image is to look.
        let segments: Vec<_> = path.split('/').collect();
        let versioned = segments.iter().position(|segment| is_version(segment)).map_or(0, |version| version + 1);
        let name = segments[versioned..].join("/");
        let id = name.rsplit_once('.').map_or(name.as_str(), |(id, _)| id);
        let id = percent_decode_str(id).decode_utf8().ok()?;
        (!id.is_empty()).then(|| id.into_owned())
    }
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "https://res.cloudinary.com/demo/image/upload/";

    #[test]
    fn a_copy_is_a_transformation_of_the_picture() {
        let cloud = Cloud::new("demo", None);
        let address = |name| cloud.address(BlobName::parse(name).unwrap());

        assert_eq!(address("6553f1.jpg"), format!("{AT}6553f1.jpg"));
        assert_eq!(address("6553f1.webp"), format!("{AT}6553f1.webp"));
        assert_eq!(address("6553f1-640.webp"), format!("{AT}c_limit,w_640/6553f1.webp"));
    }

    #[test]
    fn the_public_id_is_part_of_an_address() {
        let cloud = Cloud::new("demo", None);
        let id = |rest: &str| cloud.public_id_at(&format!("{AT}{rest}"));

        assert_eq!(id("v1571218039/posts/abc.jpg").as_deref(), Some("posts/abc"));
        assert_eq!(id("c_fill,w_300/v1571218039/abc.png?_a=1").as_deref(), Some("abc"));
        assert_eq!(id("abc.jpg").as_deref(), Some("abc"));
        assert_eq!(id("v1/a%20cat").as_deref(), Some("a cat"));
        assert_eq!(id("v1/"), None);
        assert_eq!(cloud.public_id_at("https://res.cloudinary.com/other/image/upload/v1/abc.jpg"), None);
        assert_eq!(cloud.public_id_at("https://example.com/abc.jpg"), None);
    }
}
