//! Files keep the promises of a place for blobs.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use echo_domain::{
    Clock, Timestamp,
    contract::Figures,
    media::{BlobStore, CachedBlobs, MeasuredBlobs, Part},
};
use echo_media::FileBlobs;
use futures_util::TryStreamExt;
use tempfile::TempDir;

const NAME: &str = "6553f10001020304ff000001.jpg";

async fn fresh() -> (FileBlobs, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (FileBlobs::open(folder.path()).unwrap(), folder)
}

echo_domain::blob_store_contract!(fresh);

mod cached {
    use super::*;

    /// It stands until it is moved, in milliseconds.
    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_766_000_000_000 + self.0.load(Ordering::Relaxed))
        }
    }

    async fn fresh() -> (CachedBlobs, TempDir) {
        let (blobs, folder) = super::fresh().await;
        (CachedBlobs::new(Arc::new(blobs), 1 << 20, Arc::new(Hand::default())), folder)
    }

    echo_domain::blob_store_contract!(fresh);

    #[tokio::test]
    async fn what_another_process_has_removed_is_gone_soon() {
        let (files, _folder) = super::fresh().await;
        let (files, clock) = (Arc::new(files), Arc::new(Hand::default()));
        let [here, there] = [(); 2].map(|()| CachedBlobs::new(files.clone(), 1 << 20, clock.clone()));
        let is_had = async |from: &CachedBlobs| from.read(NAME, Part::WHOLE).await.unwrap().is_some();
        here.put(NAME, "one".into()).await.unwrap();
        assert!(is_had(&here).await && is_had(&there).await);

        there.remove(NAME).await.unwrap();

        assert!(!is_had(&there).await);
        assert!(is_had(&here).await, "nothing says that it is remembered");
        clock.0.fetch_add(i64::try_from(CachedBlobs::LIFETIME.as_millis()).unwrap(), Ordering::Relaxed);
        assert!(!is_had(&here).await);
    }
}

mod measured {
    use super::*;

    async fn fresh() -> (MeasuredBlobs, TempDir) {
        let (blobs, folder) = super::fresh().await;
        (MeasuredBlobs::new(Arc::new(blobs), "files"), folder)
    }

    echo_domain::blob_store_contract!(fresh);

    #[tokio::test]
    async fn calls_and_bytes_are_counted() {
        let figures = Figures::default();
        let _counting = figures.count_here();
        let (blobs, _folder) = fresh().await;

        blobs.put(NAME, "twelve bytes".into()).await.unwrap();
        assert!(blobs.put("../no name", "twelve bytes".into()).await.is_err());
        let blob = blobs.read(NAME, Part::From(7)).await.unwrap().unwrap();
        assert_eq!(figures.get("echo_blob_bytes_total{place=files,way=read}"), 0.0);
        blob.bytes.try_collect::<Vec<_>>().await.unwrap();
        blobs.check().await.unwrap();
        blobs.remove(NAME).await.unwrap();
        assert!(blobs.read(NAME, Part::WHOLE).await.unwrap().is_none());

        assert_eq!(figures.get("echo_blob_bytes_total{place=files,way=written}"), 12.0);
        assert_eq!(figures.get("echo_blob_bytes_total{place=files,way=read}"), 5.0);
        for (call, times) in
            [("put,outcome=ok", 1.0), ("put,outcome=failed", 1.0), ("read,outcome=ok", 2.0), ("remove,outcome=ok", 1.0)]
        {
            assert_eq!(figures.get(&format!("echo_blob_seconds{{place=files,op={call}}}")), times, "{call}");
        }
        assert_eq!(figures.get("echo_blob_seconds{place=files,op=check,outcome=ok}"), 1.0);
    }
}
