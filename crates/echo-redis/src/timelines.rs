//! Home timelines, one value for each: they take 13 to 31 bytes per post, where a sorted set took 115.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use echo_domain::{
    Error, PostId, RawId, Result, UserId,
    feed::{Timeline, TimelineStore},
};
use fred::{
    interfaces::{ClientLike, KeysInterface},
    types::{ClusterHash, CustomCommand, Expiration, Key, Value, scripts::Script},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connection::{PREFIX, Redis};

// A value is who makes it, the version, whether it is made, whether there is more, and then the posts, oldest first: so
// that the newest, as nearly every post that is pushed, is appended.
const ID: usize = 12;
const VERSION: usize = 8;
const MADE: usize = ID + VERSION;
const MORE: usize = MADE + 1;
const HEAD: usize = MORE + 1;

/// What the scripts share. Lua compares strings as the server's locale has it, and so they compare ids byte by byte.
const POSTS: &str = "
    local function is_older(a, b)
      for at = 1, ID do
        local x, y = a:byte(at), b:byte(at)
        if x ~= y then return x < y end
      end
      return false
    end

    -- The posts with this one among them, once.
    local function with(posts, post)
      local low, high = 0, #posts / ID
      while low < high do
        local middle = math.floor((low + high) / 2)
        if is_older(posts:sub(middle * ID + 1, middle * ID + ID), post) then low = middle + 1 else high = middle end
      end
      local before = low * ID
      if posts:sub(before + 1, before + ID) == post then return posts end
      return posts:sub(1, before) .. post .. posts:sub(before + 1)
    end

    local function keep(head, posts, made, more)
      head = head:sub(1, MADE) .. (made and '1' or '0') .. (more and '1' or '0')
      redis.call('SET', KEYS[1], head .. posts:sub(-MAX), 'KEEPTTL')
    end
";

/// Returns 1 if the timeline has the post now, else 0. A quarter more than the limit may be there: to cut the oldest off
/// is to write all anew, which takes fifteen times as long as to append.
static PUSH: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local post = ARGV[1]
         local size = redis.call('STRLEN', KEYS[1])
         if size == 0 then return 0 end
         local newest = redis.call('GETRANGE', KEYS[1], math.max(HEAD, size - ID), -1)
         if newest ~= '' and is_older(newest, post) and size < HEAD + MAX * 1.25 then
           redis.call('APPEND', KEYS[1], post)
           return 1
         end

         local kept = redis.call('GET', KEYS[1])
         local posts = kept:sub(HEAD + 1)
         local more = kept:sub(HEAD, HEAD) == '1' or #posts > MAX
         posts = posts:sub(-MAX)
         local now = with(posts, post)
         if now == posts then return 1 end
         more = more or #now > MAX
         local is_beyond = more and now:sub(1, ID) == post
         keep(kept, is_beyond and posts or now, kept:sub(MADE + 1, MADE + 1) == '1', more)
         return is_beyond and 0 or 1",
    )
});

/// Adds what was gathered to what was pushed since it was begun. Returns 0 if somebody else makes it, or nobody.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    script(
        "local kept = redis.call('GET', KEYS[1])
         if not kept or kept:sub(1, ID) ~= ARGV[1] or kept:sub(MADE + 1, MADE + 1) == '1' then return 0 end
         local posts, more = ARGV[2], ARGV[3] == '1'
         local oldest = posts:sub(1, ID)
         for at = HEAD + 1, #kept, ID do
           local post = kept:sub(at, at + ID - 1)
           -- Beyond the oldest, others are missing.
           if not more or (oldest ~= '' and is_older(oldest, post)) then posts = with(posts, post) end
         end
         keep(kept, posts, true, more or kept:sub(HEAD, HEAD) == '1' or #posts > MAX)
         return 1",
    )
});

fn script(body: &str) -> Script {
    let max = Timeline::MAX * ID;
    Script::from_lua(format!("local ID, MADE, HEAD, MAX = {ID}, {MADE}, {HEAD}, {max}\n{POSTS}\n{body}"))
}

/// Keeps timelines in Redis, where all processes push and read them.
pub struct RedisTimelines(pub Arc<Redis>);

impl RedisTimelines {
    /// So many owners' timelines are written to at once.
    const AT_ONCE: usize = 128;
    /// In seconds.
    const KEPT: i64 = Timeline::KEPT.as_secs().cast_signed();
}

fn key(owner: UserId) -> Key {
    format!("{PREFIX}:timeline:{owner}").into()
}

fn bytes(id: RawId) -> Value {
    Value::Bytes(Bytes::copy_from_slice(&id.to_bytes()))
}

#[async_trait]
impl TimelineStore for RedisTimelines {
    async fn push(&self, owners: &[UserId], post: PostId) -> Result<usize> {
        let pushes = owners
            .iter()
            .copied()
            .map(|owner| self.0.script::<usize>("timelines.push", &PUSH, vec![key(owner)], vec![bytes(post.into())]));
        stream::iter(pushes).buffer_unordered(Self::AT_ONCE).try_fold(0, async |sum, has_it| Ok(sum + has_it)).await
    }

    async fn read(&self, owner: UserId) -> Result<Option<Timeline>> {
        let get = CustomCommand::new_static("GETEX", ClusterHash::FirstKey, false);
        let args: Vec<Value> = vec![key(owner).into(), "EX".into(), Self::KEPT.into()];
        let kept: Option<Bytes> = self.0.run("timelines.read", self.0.client.custom(get, args)).await?;
        kept.map_or(Ok(None), |kept| parse(&kept))
    }

    async fn begin(&self, owner: UserId, making: RawId, version: u64) -> Result<()> {
        let mut head = BytesMut::with_capacity(HEAD);
        head.put_slice(&making.to_bytes());
        head.put_u64(version);
        head.put_slice(b"00");
        let set = self.0.client.set(key(owner), head.freeze(), Some(Expiration::EX(Self::KEPT)), None, false);
        self.0.run("timelines.begin", set).await
    }

    async fn fill(&self, owner: UserId, making: RawId, posts: &[PostId], more: bool) -> Result<bool> {
        let mut posts = posts.to_vec();
        posts.sort_unstable();
        posts.dedup();
        let packed: Vec<u8> = posts.into_iter().flat_map(|post| RawId::from(post).to_bytes()).collect();
        let args = vec![bytes(making), Value::Bytes(packed.into()), i64::from(more).into()];
        self.0.script("timelines.fill", &FILL, vec![key(owner)], args).await
    }

    async fn forget(&self, owner: UserId) -> Result<()> {
        self.0.run("timelines.forget", self.0.client.del(key(owner))).await
    }
}

/// `None` while it is being made.
fn parse(kept: &[u8]) -> Result<Option<Timeline>> {
    let damaged = || Error::internal("a timeline cannot be read");
    let (head, posts) = kept.split_at_checked(HEAD).ok_or_else(damaged)?;
    let version = head[ID..MADE].try_into().map_err(Error::internal)?;
    let (posts, rest) = posts.as_chunks::<ID>();
    if !rest.is_empty() {
        return Err(damaged());
    }
    let newest_first = posts.iter().rev().map(|id| RawId::from_bytes(*id).into());
    let timeline = Timeline {
        version: u64::from_be_bytes(version),
        posts: newest_first.take(Timeline::MAX).collect(),
        more: head[MORE] == b'1' || posts.len() > Timeline::MAX,
    };
    Ok((head[MADE] == b'1').then_some(timeline))
}
