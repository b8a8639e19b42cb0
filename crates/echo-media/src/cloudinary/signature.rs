//! How a call to Cloudinary is signed.
//!
//! <https://cloudinary.com/documentation/authentication_signatures>

use std::fmt::Write;

use aws_lc_rs::digest::{Algorithm, digest};

/// The signature of a call's parameters, in any order. Neither the file nor the key of the account is among them.
///
/// Cloudinary takes SHA-1 and SHA-256.
pub(super) fn sign(with: &'static Algorithm, parameters: &[(&str, String)], secret: &str) -> String {
    let mut pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort_unstable();
    let signed = pairs.join("&") + secret;
    digest(with, signed.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256};

    use super::*;

    #[test]
    fn it_is_as_cloudinary_documents_it() {
        let parameters = [
            ("timestamp", "1315060510".to_owned()),
            ("public_id", "sample_image".to_owned()),
            ("eager", "w_400,h_300,c_pad|w_260,h_200,c_crop".to_owned()),
        ];

        let signature = sign(&SHA1_FOR_LEGACY_USE_ONLY, &parameters, "abcd");

        assert_eq!(signature, "bfd09f95f331f558cbd1320e67aa8d488770583e");
    }

    #[test]
    fn it_is_as_cloudinary_s_own_clients_make_it() {
        let parameters = [
            ("cloud_name", "dn6ot3ged".to_owned()),
            ("timestamp", "1568810420".to_owned()),
            ("username", "user@cloudinary.com".to_owned()),
        ];

        let signature = sign(&SHA256, &parameters, "hdcixPpR2iKERPwqvH6sHdK9cyac");

        assert_eq!(signature, "45ddaa4fa01f0c2826f32f669d2e4514faf275fe6df053f1a150e7beae58a3bd");
    }
}
