//! What is counted of images.

use echo_domain::{
    contract::Figures,
    media::{ImagePipeline, Purpose},
};
use echo_media::ImageThreads;
use image::ImageFormat;

use super::{encoded, halves, noise};

#[tokio::test]
async fn images_are_measured_and_their_bytes_counted() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let threads = ImageThreads::new(1, 1).unwrap();
    let upload = encoded(&halves(700, 300), ImageFormat::Jpeg);
    let length = upload.len();

    let made = threads.process(upload.into(), Purpose::Post).await.unwrap();
    threads.process("no image".into(), Purpose::Profile).await.unwrap_err();

    let made = made.original.bytes.len() + made.variants.iter().map(|(_, copy)| copy.bytes.len()).sum::<usize>();
    assert_eq!(figures.get("echo_image_seconds{outcome=ok}"), 1.0);
    assert_eq!(figures.get("echo_image_seconds{outcome=refused}"), 1.0);
    assert_eq!(figures.get("echo_image_bytes_total{way=in}"), (length + "no image".len()) as f64);
    assert_eq!(figures.get("echo_image_bytes_total{way=out}"), made as f64);
}

#[tokio::test]
async fn images_that_find_no_place_are_counted() {
    let figures = Figures::default();
    let _counting = figures.count_here();
    let threads = ImageThreads::new(1, 1).unwrap();
    let upload: bytes::Bytes = encoded(&noise(400, 400), ImageFormat::Jpeg).into();

    let outcomes =
        futures_util::future::join_all((0..20).map(|_| threads.process(upload.clone(), Purpose::Post))).await;

    let n_refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(figures.get("echo_image_queue_refused_total"), n_refused as f64);
    assert_eq!(figures.get("echo_image_queue"), 0.0);
}
