//! What every [`Directory`] must do, here or in another process.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    FollowId, IdMap, UserId,
    contract::{Backend, assert_list, at_once, newest_first, sample, sample::NOW},
    media::Picture,
};

use super::{Bio, Directory, FOLLOWING_MAX, Follow, Followee, Name, Profile, ProfileChange};

/// `$fresh` is an async fn returning an [`Asked`] and a guard.
#[macro_export]
macro_rules! directory_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::users::directory_contract;
            a_profile_that_is_opened_is_found
            opening_a_profile_again_changes_nothing
            a_profile_is_told_whole
            a_profile_is_told_as_it_is_after_a_change
            only_those_who_exist_are_told
            thousands_are_asked_for_at_once
            everyone_followed_is_told
            who_is_followed_is_told_as_it_is_after_a_change
            hundreds_who_are_followed_are_told
            followers_are_listed_newest_first
            who_is_erased_is_told_no_more
            many_ask_at_once
        }
    };
}

/// The area, and what it stands on, which is empty.
#[derive(Clone)]
pub struct Asked {
    pub directory: Arc<dyn Directory>,
    pub backend: Backend,
}

impl Asked {
    async fn opened(&self, username: &str) -> Profile {
        let profile = sample::profile(username, "Somebody");
        self.backend.profiles.open(&profile).await.unwrap();
        profile
    }

    async fn follow(&self, follower: UserId, followee: UserId) -> FollowId {
        let id = sample::id();
        self.backend.profiles.follow(id, follower, followee, FOLLOWING_MAX).await.unwrap();
        id
    }

    async fn told(&self, user: UserId) -> Option<Profile> {
        self.directory.profiles(&[user]).await.unwrap().remove(&user).map(|profile| Profile::clone(&profile))
    }

    async fn followees(&self, user: UserId) -> Vec<Followee> {
        self.directory.following(user).await.unwrap().iter().collect()
    }
}

pub async fn a_profile_that_is_opened_is_found(Asked { directory, backend }: Asked) {
    let id = sample::id();
    let expected = Profile::new(id, "Alice_1", "Ñandú \"🦀\"", NOW);
    assert_eq!(directory.profiles(&[id]).await.unwrap(), IdMap::default());

    directory.open_profile(id, "Alice_1", "Ñandú \"🦀\"", NOW).await.unwrap();

    assert_eq!(*directory.profiles(&[id]).await.unwrap()[&id], expected);
    assert_eq!(*backend.profiles.by_ids(&[id]).await.unwrap()[&id], expected);
}

pub async fn opening_a_profile_again_changes_nothing(asked: Asked) {
    let alice = asked.opened("alice").await;

    asked.directory.open_profile(alice.id, "other", "Other", NOW + sample::DAY).await.unwrap();

    assert_eq!(asked.told(alice.id).await, Some(alice));
}

fn a_change() -> ProfileChange {
    ProfileChange {
        name: Some(Name::parse("Ñandú \"🦀\"").unwrap()),
        bio: Some(Bio::parse("uno\ndos").unwrap()),
        username: Some("Alba_2".to_owned()),
        picture: Some(Picture { media: sample::id(), location: "https://images.example/a.jpg?x=1".to_owned() }),
    }
}

pub async fn a_profile_is_told_whole(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    asked.follow(alice.id, bob.id).await;
    asked.follow(bob.id, alice.id).await;
    asked.backend.profiles.unfollow(bob.id, alice.id).await.unwrap();
    let later = NOW + sample::DAY;

    let updated = asked.backend.profiles.update(alice.id, &a_change(), later).await.unwrap().unwrap();

    assert_eq!((updated.followers, updated.most_followers, updated.following), (0, 1, 1));
    assert_eq!(asked.told(alice.id).await, Some(updated));
}

pub async fn a_profile_is_told_as_it_is_after_a_change(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    assert_eq!(asked.told(alice.id).await, Some(alice.clone()));

    let updated = asked.backend.profiles.update(alice.id, &a_change(), NOW).await.unwrap();
    assert_eq!(asked.told(alice.id).await, updated);
    asked.follow(bob.id, alice.id).await;

    assert_eq!(asked.told(alice.id).await.map(|it| it.followers), Some(1));
    assert_eq!(asked.told(bob.id).await.map(|it| it.following), Some(1));
}

pub async fn only_those_who_exist_are_told(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);

    let told = asked.directory.profiles(&[bob.id, sample::id(), alice.id]).await.unwrap();
    let nobody = asked.directory.profiles(&[]).await.unwrap();

    let told: BTreeMap<_, _> = told.into_iter().map(|(id, profile)| (id, Profile::clone(&profile))).collect();
    assert_eq!(told, BTreeMap::from([(alice.id, alice), (bob.id, bob)]));
    assert!(nobody.is_empty());
}

pub async fn thousands_are_asked_for_at_once(asked: Asked) {
    let mut users: Vec<UserId> = (0..5000).map(|_| sample::id()).collect();
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    users.insert(2500, alice.id);
    users.push(bob.id);

    let told = asked.directory.profiles(&users).await.unwrap();

    assert_eq!(told.len(), 2);
    assert_eq!((&*told[&alice.id], &*told[&bob.id]), (&alice, &bob));
}

pub async fn everyone_followed_is_told(asked: Asked) {
    let (alice, bob, carol) = (asked.opened("alice").await, asked.opened("bobby").await, asked.opened("carol").await);
    asked.follow(alice.id, carol.id).await;
    asked.follow(alice.id, bob.id).await;
    asked.follow(bob.id, carol.id).await;

    let following = asked.directory.following(alice.id).await.unwrap();

    assert_eq!(following, asked.backend.profiles.all_following(alice.id).await.unwrap());
    let expected = [(bob.id, 1), (carol.id, 2)].map(|(user, most_followers)| Followee { user, most_followers });
    assert_eq!(following.iter().collect::<Vec<_>>(), expected);
    assert_eq!(following.find(carol.id), Some(expected[1]));
    for nobody in [carol.id, sample::id()] {
        assert_eq!(asked.followees(nobody).await, []);
    }
}

pub async fn who_is_followed_is_told_as_it_is_after_a_change(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    assert_eq!(asked.followees(alice.id).await, []);

    asked.follow(alice.id, bob.id).await;
    let first = asked.directory.following(alice.id).await.unwrap();
    assert_eq!(first.iter().map(|it| it.user).collect::<Vec<_>>(), [bob.id]);
    asked.backend.profiles.unfollow(alice.id, bob.id).await.unwrap();
    assert_eq!(asked.followees(alice.id).await, []);
    asked.follow(alice.id, bob.id).await;

    assert_ne!(asked.directory.following(alice.id).await.unwrap().version, first.version);
}

pub async fn hundreds_who_are_followed_are_told(asked: Asked) {
    let alice = asked.opened("alice").await;
    let people: Vec<_> = (0..500).map(|n| sample::profile(&format!("user_{n}"), "Somebody")).collect();
    let (profiles, id) = (asked.backend.profiles.clone(), alice.id);
    at_once(people.iter().cloned().map(|person| {
        let profiles = profiles.clone();
        async move {
            profiles.open(&person).await.unwrap();
            profiles.follow(sample::id(), id, person.id, FOLLOWING_MAX).await.unwrap();
        }
    }))
    .await;

    let expected: Vec<_> = people.iter().map(|person| Followee { user: person.id, most_followers: 1 }).collect();
    assert_eq!(asked.followees(alice.id).await, expected);
}

pub async fn followers_are_listed_newest_first(asked: Asked) {
    let alice = asked.opened("alice").await;
    let mut follows = Vec::new();
    for n in 0..7 {
        let user = asked.opened(&format!("user_{n}")).await.id;
        follows.push(Follow { id: asked.follow(user, alice.id).await, user });
    }

    assert_list(&newest_first(follows), async |page| asked.directory.followers(alice.id, page).await).await;
    assert_list(&[], async |page| asked.directory.followers(sample::id(), page).await).await;
}

pub async fn who_is_erased_is_told_no_more(asked: Asked) {
    let (alice, bob) = (asked.opened("alice").await, asked.opened("bobby").await);
    asked.follow(alice.id, bob.id).await;
    asked.follow(bob.id, alice.id).await;
    assert!(asked.told(alice.id).await.is_some());
    assert_eq!(asked.followees(bob.id).await.len(), 1);

    while asked.backend.profiles.erase(alice.id, 100).await.unwrap() > 0 {}

    assert_eq!(asked.told(alice.id).await, None);
    assert_eq!((asked.followees(alice.id).await, asked.followees(bob.id).await), (vec![], vec![]));
    assert_eq!(asked.told(bob.id).await.map(|it| (it.followers, it.following)), Some((0, 0)));
    assert_list(&[], async |page| asked.directory.followers(bob.id, page).await).await;
}

pub async fn many_ask_at_once(asked: Asked) {
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(asked.opened(&format!("user_{n}")).await);
    }

    let told = at_once(people.iter().cycle().take(200).map(|person| {
        let (asked, id) = (asked.clone(), person.id);
        async move { asked.told(id).await.unwrap() }
    }))
    .await;

    assert_eq!(told, people.iter().cycle().take(200).cloned().collect::<Vec<_>>());
}
