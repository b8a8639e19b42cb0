//! What every [`ProfileStore`] must do.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{sync::Arc, time::Duration};

use crate::{
    Error, Event, FollowId, IdMap, IdSet, PageRequest, Result, UserId,
    contract::{Backend, Dice, assert_list, at_once, drain, left, newest_first, refusal, sample, sample::NOW, walk},
    media::Picture,
};

use super::{Bio, FOLLOWING_MAX, Follow, Followee, Name, Profile, ProfileChange, ProfileStore, Relation, Search};

#[macro_export]
macro_rules! profile_store_contract {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh, $crate::users::contract;
            a_profile_reads_back_as_it_was_opened
            opening_the_same_profile_again_changes_nothing
            only_profiles_that_exist_are_found
            thousands_are_asked_for_at_once
            an_update_changes_what_is_given
            an_update_to_what_is_so_already_changes_nothing
            an_update_of_nobody_changes_nothing
            another_picture_is_news_of_the_new_and_the_old
            the_news_of_pictures_changed_at_once_makes_a_chain
            people_are_found_by_any_part_of_a_name
            what_is_searched_for_is_text_and_never_a_pattern
            what_is_searched_for_is_whole_in_one_name
            the_longest_text_is_found_in_the_longest_name
            a_search_goes_on_past_thousands_who_do_not_match
            a_text_that_few_or_many_have_is_found_in_each_once
            search_follows_a_change_of_names
            who_is_found_is_listed_newest_first
            a_search_meets_everyone_lasting_once_while_others_come_and_go
            following_counts_at_both_ends
            following_somebody_twice_conflicts
            following_is_not_found_when_either_end_is_gone
            nobody_follows_more_than_the_limit
            unfollowing_whom_one_does_not_follow_conflicts
            of_twelve_follows_at_once_one_succeeds
            of_twelve_unfollows_at_once_one_succeeds
            of_twelve_follows_at_once_no_more_than_the_limit_succeed
            a_relation_is_told_from_either_end
            follows_are_listed_newest_first
            everyone_followed_is_told_beyond_a_page
            every_follow_and_unfollow_makes_another_version
            the_most_followers_ever_are_kept_when_they_go
            a_walk_meets_every_lasting_follow_once_while_others_come_and_go
            erasing_goes_in_steps_and_counts_down_the_other_ends
            nobody_erased_is_followed_again
            counts_equal_a_recount_after_any_concurrent_work
        }
    };
}

async fn opened(profiles: &Arc<dyn ProfileStore>, username: &str) -> Profile {
    let profile = sample::profile(username, "Somebody");
    profiles.open(&profile).await.unwrap();
    profile
}

async fn opened_some<const N: usize>(profiles: &Arc<dyn ProfileStore>) -> [UserId; N] {
    let users = sample::ids();
    for id in users {
        profiles.open(&Profile { id, ..sample::profile("someone", "Somebody") }).await.unwrap();
    }
    users
}

/// By id.
async fn followees(profiles: &Arc<dyn ProfileStore>, user: UserId) -> Vec<UserId> {
    profiles.all_following(user).await.unwrap().iter().map(|followee| followee.user).collect()
}

async fn find(profiles: &Arc<dyn ProfileStore>, user: UserId) -> Option<Profile> {
    profiles.by_ids(&[user]).await.unwrap().remove(&user).map(Arc::unwrap_or_clone)
}

async fn follow(profiles: &Arc<dyn ProfileStore>, follower: UserId, followee: UserId) -> Result<()> {
    profiles.follow(sample::id(), follower, followee, FOLLOWING_MAX).await
}

/// Followers and followed, as the profile counts them.
async fn counted(profiles: &Arc<dyn ProfileStore>, user: UserId) -> (u64, u64) {
    let profile = find(profiles, user).await.unwrap();
    (profile.followers, profile.following)
}

fn conflict(code: &str) -> (&'static str, String) {
    ("conflict", code.to_owned())
}

// Profiles

pub async fn a_profile_reads_back_as_it_was_opened(Backend { profiles, .. }: Backend) {
    let picture = Some(Picture { media: sample::id(), location: "https://cdn.example/a.jpg".to_owned() });
    let profile = Profile { bio: "Ñandú\n🦀 ' \"".to_owned(), picture, ..sample::profile("Alice_1", "Zoë") };

    profiles.open(&profile).await.unwrap();

    assert_eq!(find(&profiles, profile.id).await, Some(profile));
}

pub async fn opening_the_same_profile_again_changes_nothing(Backend { profiles, .. }: Backend) {
    let (first, fan) = (opened(&profiles, "alice").await, opened(&profiles, "bobby").await);
    follow(&profiles, fan.id, first.id).await.unwrap();

    let again = Profile { name: "Another".to_owned(), username: "another".to_owned(), ..first.clone() };
    profiles.open(&again).await.unwrap();

    assert_eq!(find(&profiles, first.id).await, Some(Profile { followers: 1, most_followers: 1, ..first }));
    assert_eq!(search(&profiles, "another").await, [] as [UserId; 0]);
}

pub async fn only_profiles_that_exist_are_found(Backend { profiles, .. }: Backend) {
    let (alice, bob) = (opened(&profiles, "alice").await, opened(&profiles, "bobby").await);
    opened(&profiles, "carol").await;

    let found = profiles.by_ids(&[bob.id, sample::id(), alice.id]).await.unwrap();

    assert_eq!(found, IdMap::from_iter([(alice.id, alice.into()), (bob.id, bob.into())]));
    assert!(profiles.by_ids(&[]).await.unwrap().is_empty());
}

pub async fn thousands_are_asked_for_at_once(Backend { profiles, .. }: Backend) {
    let alice = opened(&profiles, "alice").await;
    let mut asked: Vec<UserId> = (0..5000).map(|_| sample::id()).collect();
    asked.push(alice.id);

    assert_eq!(profiles.by_ids(&asked).await.unwrap(), IdMap::from_iter([(alice.id, alice.into())]));
}

pub async fn an_update_changes_what_is_given(Backend { profiles, .. }: Backend) {
    let mut profile = opened(&profiles, "alice").await;
    let fan = opened(&profiles, "bobby").await;
    follow(&profiles, fan.id, profile.id).await.unwrap();
    (profile.followers, profile.most_followers) = (1, 1);

    let picture = Picture { media: sample::id(), location: "a.jpg".to_owned() };
    let (name, bio) = (Name::parse("Zoë").unwrap(), Bio::parse("About\nme").unwrap());
    let changes = [
        ProfileChange { name: Some(name), ..ProfileChange::default() },
        ProfileChange { bio: Some(bio), ..ProfileChange::default() },
        ProfileChange { username: Some("Alicia".to_owned()), ..ProfileChange::default() },
        ProfileChange { picture: Some(picture.clone()), ..ProfileChange::default() },
    ];
    for (step, change) in (1..).zip(changes) {
        profile.updated = NOW + Duration::from_secs(step);
        match step {
            1 => profile.name = "Zoë".to_owned(),
            2 => profile.bio = "About\nme".to_owned(),
            3 => profile.username = "Alicia".to_owned(),
            _ => profile.picture = Some(picture.clone()),
        }

        let updated = profiles.update(profile.id, &change, profile.updated).await.unwrap();

        assert_eq!(updated, Some(profile.clone()));
        assert_eq!(find(&profiles, profile.id).await, Some(profile.clone()));
    }
    assert_eq!(find(&profiles, fan.id).await, Some(Profile { following: 1, ..fan }));
}

pub async fn an_update_to_what_is_so_already_changes_nothing(Backend { profiles, events, .. }: Backend) {
    let alice = opened(&profiles, "alice").await;
    let same = ProfileChange { username: Some(alice.username.clone()), ..ProfileChange::default() };

    for change in [same, ProfileChange::default()] {
        let updated = profiles.update(alice.id, &change, NOW + Duration::from_secs(9)).await.unwrap();

        assert_eq!(updated.as_ref(), Some(&alice));
        assert_eq!(find(&profiles, alice.id).await.as_ref(), Some(&alice));
    }
    assert_eq!(left(&events).await, []);
}

pub async fn an_update_of_nobody_changes_nothing(Backend { profiles, events, .. }: Backend) {
    let nobody = sample::id();
    let picture = Some(Picture { media: sample::id(), location: "a.jpg".to_owned() });
    let change = ProfileChange { picture, username: Some("ghost".to_owned()), ..ProfileChange::default() };

    assert_eq!(profiles.update(nobody, &change, NOW).await.unwrap(), None);

    assert_eq!(find(&profiles, nobody).await, None);
    assert_eq!(search(&profiles, "ghost").await, [] as [UserId; 0]);
    assert_eq!(left(&events).await, []);
}

pub async fn another_picture_is_news_of_the_new_and_the_old(Backend { profiles, events, .. }: Backend) {
    let alice = opened(&profiles, "alice").await;
    let [first, second] = sample::ids();
    let show = async |media| {
        let picture = Some(Picture { media, location: format!("{media}.jpg") });
        profiles.update(alice.id, &ProfileChange { picture, ..ProfileChange::default() }, NOW).await.unwrap()
    };

    show(first).await;
    show(first).await;
    let renamed = ProfileChange { username: Some("alicia".to_owned()), ..ProfileChange::default() };
    profiles.update(alice.id, &renamed, NOW).await.unwrap();
    show(second).await;

    assert_eq!(
        left(&events).await,
        [
            Event::PictureChanged { account: alice.id, new: Some(first), old: None },
            Event::PictureChanged { account: alice.id, new: Some(second), old: Some(first) },
        ]
    );
}

pub async fn the_news_of_pictures_changed_at_once_makes_a_chain(Backend { profiles, events, .. }: Backend) {
    let alice = opened(&profiles, "alice").await;

    at_once((0..12).map(|_| {
        let (profiles, picture) = (profiles.clone(), Picture { media: sample::id(), location: "a.jpg".to_owned() });
        let change = ProfileChange { picture: Some(picture), ..ProfileChange::default() };
        async move { profiles.update(alice.id, &change, NOW).await.unwrap() }
    }))
    .await;

    let news = left(&events).await;
    assert_eq!(news.len(), 12);
    let mut shown = None;
    for event in news {
        let Event::PictureChanged { new, old, .. } = event else { panic!("{event:?}") };
        assert_eq!(old, shown);
        shown = new;
    }
    assert_eq!(find(&profiles, alice.id).await.unwrap().picture.map(|picture| picture.media), shown);
}

// Search

async fn search(profiles: &Arc<dyn ProfileStore>, query: &str) -> Vec<UserId> {
    let search = Search::parse(query).unwrap();
    let found = profiles.search(&search, PageRequest::first(100)).await.unwrap();
    found.items.iter().map(|profile| profile.id).collect()
}

/// Opens profiles of these names, then searches; each query must find exactly the name beside it.
async fn assert_found(profiles: &Arc<dyn ProfileStore>, names: &[(&str, &str)], queries: &[(&str, &str)]) {
    let mut people = Vec::new();
    for (username, name) in names {
        let profile = sample::profile(username, name);
        profiles.open(&profile).await.unwrap();
        people.push(profile);
    }
    for (query, username) in queries {
        let found = search(profiles, query).await;
        let found: Vec<_> = people.iter().filter(|profile| found.contains(&profile.id)).collect();
        let found: Vec<_> = found.iter().map(|profile| profile.username.as_str()).collect();
        assert_eq!(found, [*username], "{query}");
    }
}

pub async fn people_are_found_by_any_part_of_a_name(Backend { profiles, .. }: Backend) {
    let names = [
        ("Dana_99", "Zoë Ñandú"),
        ("wolf", "Жанна 🦀"),
        ("kimlee", "김이박"),
        ("ipek", "İpek Şık"),
        ("bbbb", "O'Hara"),
    ];
    let queries = [
        ("d", "Dana_99"),
        ("9", "Dana_99"),
        ("AN", "Dana_99"),
        ("dana_99", "Dana_99"),
        ("DANA", "Dana_99"),
        ("ana_9", "Dana_99"),
        ("zoë", "Dana_99"),
        ("Ë ñ", "Dana_99"),
        ("ÑANDÚ", "Dana_99"),
        ("ú", "Dana_99"),
        ("ж", "wolf"),
        ("ЖАН", "wolf"),
        ("анна", "wolf"),
        ("🦀", "wolf"),
        ("а 🦀", "wolf"),
        ("이", "kimlee"),
        ("이박", "kimlee"),
        ("İpe", "ipek"),
        ("şık", "ipek"),
        ("O'H", "bbbb"),
        ("bb", "bbbb"),
    ];

    assert_found(&profiles, &names, &queries).await;

    for nobody in ["dana99", "zoe", "nandu", "abcd", "ňandú", "ana_99z", "99zoë"] {
        assert_eq!(search(&profiles, nobody).await, [], "{nobody}");
    }
}

pub async fn what_is_searched_for_is_text_and_never_a_pattern(Backend { profiles, .. }: Backend) {
    let names = [
        ("plain", "Nobody special"),
        ("hundred", "100% sure"),
        ("snake_case", "Snake"),
        ("star", "a*b"),
        ("quotes", "say \"hi\" it's"),
        ("slash", "back\\slash"),
        ("regex", "^(.+)[a-z]?$"),
        ("fts", "rock AND roll OR NOT -x NEAR(y) col:z"),
    ];
    let queries = [
        ("%", "hundred"),
        ("0% s", "hundred"),
        ("_", "snake_case"),
        ("e_c", "snake_case"),
        ("*", "star"),
        ("a*b", "star"),
        ("\"", "quotes"),
        ("\"hi\"", "quotes"),
        ("'", "quotes"),
        ("\\", "slash"),
        ("k\\s", "slash"),
        (".", "regex"),
        ("^(.+)", "regex"),
        ("[a-z]", "regex"),
        ("$", "regex"),
        ("k and r", "fts"),
        (" OR NOT ", "fts"),
        ("-x", "fts"),
        ("near(", "fts"),
        ("col:z", "fts"),
    ];
    assert_found(&profiles, &names, &queries).await;

    for nothing in ["%%", "__", "***", "pl*", "pl%", "pl_in", "s.ar", "plain OR star", "\"plain\"", "name:snake", "\\%"]
    {
        assert_eq!(search(&profiles, nothing).await, [], "{nothing}");
    }
}

pub async fn what_is_searched_for_is_whole_in_one_name(Backend { profiles, .. }: Backend) {
    let names = [("cabca", "bcab abca"), ("xabcabx", "Somebody"), ("abca", "bcab")];
    assert_found(&profiles, &names, &[("abcab", "xabcabx")]).await;

    // Neither name alone has it.
    for nobody in ["abxsome", "abcabcab", "abca bcab"] {
        assert_eq!(search(&profiles, nobody).await, [], "{nobody}");
    }
}

pub async fn the_longest_text_is_found_in_the_longest_name(Backend { profiles, .. }: Backend) {
    for last in ["\u{10ffff}", "\u{10fffe}", "🦀", "\u{e000}", "\u{d7ff}", "é", "b"] {
        let name = "Ñ".repeat(24) + &"🦀".repeat(25) + last;
        let profile = sample::profile("someone", &name);
        profiles.open(&profile).await.unwrap();

        for start in [0, 1, 30, 49] {
            let part: String = name.chars().skip(start).collect();
            assert!(search(&profiles, &part).await.contains(&profile.id), "from {start} on, {last:?}");
        }
        assert_eq!(search(&profiles, &name).await, [profile.id], "{last:?}");
    }
    for nobody in ["Ñ".repeat(25), "🦀".repeat(27), "ñ🦀ñ".to_owned()] {
        assert_eq!(search(&profiles, &nobody).await, [], "{nobody}");
    }
}

pub async fn a_search_goes_on_past_thousands_who_do_not_match(Backend { profiles, .. }: Backend) {
    // A text that is in so many places that an index of it is long, and in nobody new.
    let wanted: Vec<_> = (0..250).map(|_| sample::profile("someone", &"x".repeat(50))).collect();
    open_all(&profiles, &wanted).await;
    open_all(&profiles, &(0..5000).map(|_| sample::profile("another", "Another")).collect::<Vec<_>>()).await;

    let found = walk(10, async |page| profiles.search(&Search::parse("x").unwrap(), page).await).await;

    assert_eq!(found, newest_first(wanted));
}

pub async fn a_text_that_few_or_many_have_is_found_in_each_once(Backend { profiles, .. }: Backend) {
    // From a text that a few have to one that everybody has.
    let name = |n: usize| match n % 100 {
        0 => "Beatriz Lima",
        1..50 => "Beatrice",
        _ => "Bea",
    };
    let all: Vec<_> = (0..1500).map(|n| sample::profile(&format!("person_{n:04}"), name(n))).collect();
    open_all(&profiles, &all).await;

    for query in ["beatriz", "beatri", "bea", "e", "1234", "_00", "9"] {
        let search = Search::parse(query).unwrap();
        let expected: Vec<_> = all.iter().filter(|it| search.matches(&it.username, &it.name)).cloned().collect();
        for limit in [7, 100] {
            let found = walk(limit, async |page| profiles.search(&search, page).await).await;
            assert_eq!(found, newest_first(expected.clone()), "{query}");
        }
    }
}

async fn open_all(profiles: &Arc<dyn ProfileStore>, all: &[Profile]) {
    for some in all.chunks(500) {
        at_once(some.iter().cloned().map(|profile| {
            let profiles = profiles.clone();
            async move { profiles.open(&profile).await.unwrap() }
        }))
        .await;
    }
}

pub async fn search_follows_a_change_of_names(Backend { profiles, .. }: Backend) {
    let profile = sample::profile("alice", "Zoë");
    profiles.open(&profile).await.unwrap();

    let change = ProfileChange { name: Some(Name::parse("Ñandú").unwrap()), ..ProfileChange::default() };
    profiles.update(profile.id, &change, NOW).await.unwrap();
    assert_eq!(search(&profiles, "ñan").await, [profile.id]);
    assert_eq!(search(&profiles, "alice").await, [profile.id]);
    assert_eq!(search(&profiles, "zoë").await, []);

    let change = ProfileChange { username: Some("Quentin".to_owned()), ..ProfileChange::default() };
    profiles.update(profile.id, &change, NOW).await.unwrap();
    assert_eq!(search(&profiles, "quentin").await, [profile.id]);
    assert_eq!(search(&profiles, "alice").await, []);

    // What the old and the new have in common stays, and so does what the other name still has.
    let change = ProfileChange { username: Some("Andy".to_owned()), ..ProfileChange::default() };
    profiles.update(profile.id, &change, NOW).await.unwrap();
    for part in ["n", "ñand", "and", "nd"] {
        assert_eq!(search(&profiles, part).await, [profile.id], "{part}");
    }
    for part in ["q", "quentin", "uentin", "ent", "tin"] {
        assert_eq!(search(&profiles, part).await, [], "{part}");
    }

    profiles.erase(profile.id, 100).await.unwrap();
    for part in ["andy", "a", "n", "ú", "y"] {
        assert_eq!(search(&profiles, part).await, [], "{part}");
    }
}

pub async fn who_is_found_is_listed_newest_first(Backend { profiles, .. }: Backend) {
    let all: Vec<_> = (0..10).map(|n| sample::profile(&format!("walker{n}"), "Walker in the walk")).collect();
    for profile in Dice::new(5).shuffled(&all) {
        profiles.open(&profile).await.unwrap();
        opened(&profiles, "another").await;
    }
    let all = newest_first(all);

    for query in ["w", "wa", "walk", "walker in the walk"] {
        let search = Search::parse(query).unwrap();
        assert_list(&all, |page| profiles.search(&search, page)).await;
    }
}

pub async fn a_search_meets_everyone_lasting_once_while_others_come_and_go(Backend { profiles, .. }: Backend) {
    let all: [UserId; 30] = opened_some(&profiles).await;
    let (lasting, passing): (Vec<_>, Vec<_>) = (0..30).partition(|n| n % 2 == 0);
    let mut passing: Vec<_> = passing.into_iter().map(|n| all[n]).collect();
    let search = Search::parse("someone").unwrap();

    let walked = walk(3, async |page| {
        let found = profiles.search(&search, page).await?;
        // Those just seen, the one that the next page starts at among them, and the next that is yet to come.
        for user in passing.extract_if(.., |user| found.items.iter().any(|profile| profile.id == *user)) {
            profiles.erase(user, 10).await?;
        }
        if let Some(user) = passing.pop_if(|_| !found.items.is_empty()) {
            profiles.erase(user, 10).await?;
        }
        opened(&profiles, "someone_new").await;
        Ok(found)
    })
    .await;

    assert!(walked.is_sorted_by(|a, b| a.id > b.id));
    for n in lasting {
        assert!(walked.iter().any(|profile| profile.id == all[n]), "{n}");
    }
}

// Follows

pub async fn following_counts_at_both_ends(Backend { profiles, .. }: Backend) {
    let [alice, bob, carol] = opened_some(&profiles).await;

    follow(&profiles, alice, bob).await.unwrap();
    follow(&profiles, carol, bob).await.unwrap();
    follow(&profiles, bob, alice).await.unwrap();
    assert_eq!(counted(&profiles, alice).await, (1, 1));
    assert_eq!(counted(&profiles, bob).await, (2, 1));
    assert_eq!(counted(&profiles, carol).await, (0, 1));

    profiles.unfollow(alice, bob).await.unwrap();
    assert_eq!(counted(&profiles, alice).await, (1, 0));
    assert_eq!(counted(&profiles, bob).await, (1, 1));
}

pub async fn following_somebody_twice_conflicts(Backend { profiles, .. }: Backend) {
    let [alice, bob] = opened_some(&profiles).await;
    follow(&profiles, alice, bob).await.unwrap();

    assert_eq!(refusal(follow(&profiles, alice, bob).await), conflict("already_following"));

    assert_eq!(counted(&profiles, alice).await, (0, 1));
    assert_eq!(counted(&profiles, bob).await, (1, 0));
    assert_eq!(followees(&profiles, alice).await, [bob]);
}

pub async fn following_is_not_found_when_either_end_is_gone(Backend { profiles, .. }: Backend) {
    let [alice, gone] = opened_some(&profiles).await;
    profiles.erase(gone, 100).await.unwrap();
    let not_found = ("not found", "user_not_found".to_owned());

    for nobody in [gone, sample::id()] {
        assert_eq!(refusal(follow(&profiles, alice, nobody).await), not_found);
        assert_eq!(refusal(follow(&profiles, nobody, alice).await), not_found);
    }

    assert_eq!(counted(&profiles, alice).await, (0, 0));
    assert_list(&[], |page| profiles.followers(alice, page)).await;
    assert_list(&[], |page| profiles.following(alice, page)).await;
    assert_list(&[], |page| profiles.followers(gone, page)).await;
}

pub async fn nobody_follows_more_than_the_limit(Backend { profiles, .. }: Backend) {
    let [alice, bob, carol, dave] = opened_some(&profiles).await;
    let follow = |follower, followee| profiles.follow(sample::id(), follower, followee, 2);
    follow(alice, bob).await.unwrap();
    follow(alice, carol).await.unwrap();

    assert_eq!(refusal(follow(alice, dave).await), conflict("following_too_many"));
    assert_eq!(counted(&profiles, alice).await, (0, 2));
    assert_eq!(counted(&profiles, dave).await, (0, 0));

    // Others still may, and so may she in place of another.
    follow(bob, dave).await.unwrap();
    profiles.unfollow(alice, bob).await.unwrap();
    follow(alice, dave).await.unwrap();
}

pub async fn unfollowing_whom_one_does_not_follow_conflicts(Backend { profiles, .. }: Backend) {
    let [alice, bob] = opened_some(&profiles).await;
    follow(&profiles, bob, alice).await.unwrap();

    for other in [bob, sample::id()] {
        assert_eq!(refusal(profiles.unfollow(alice, other).await), conflict("not_following"));
    }

    assert_eq!(counted(&profiles, alice).await, (1, 0));
    assert_eq!(counted(&profiles, bob).await, (0, 1));
}

pub async fn of_twelve_follows_at_once_one_succeeds(Backend { profiles, .. }: Backend) {
    let [alice, bob] = opened_some(&profiles).await;

    let followed = at_once((0..12).map(|_| {
        let profiles = profiles.clone();
        async move { follow(&profiles, alice, bob).await }
    }))
    .await;

    assert_one_success(followed, "already_following");
    assert_eq!(counted(&profiles, alice).await, (0, 1));
    assert_eq!(counted(&profiles, bob).await, (1, 0));
    assert_eq!(followees(&profiles, alice).await, [bob]);
}

pub async fn of_twelve_unfollows_at_once_one_succeeds(Backend { profiles, .. }: Backend) {
    let [alice, bob] = opened_some(&profiles).await;
    follow(&profiles, alice, bob).await.unwrap();

    let unfollowed = at_once((0..12).map(|_| {
        let profiles = profiles.clone();
        async move { profiles.unfollow(alice, bob).await }
    }))
    .await;

    assert_one_success(unfollowed, "not_following");
    assert_eq!(counted(&profiles, alice).await, (0, 0));
    assert_eq!(counted(&profiles, bob).await, (0, 0));
}

fn assert_one_success(results: Vec<Result<()>>, code: &str) {
    let (good, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    for result in refused {
        assert_eq!(refusal(result), conflict(code));
    }
}

pub async fn of_twelve_follows_at_once_no_more_than_the_limit_succeed(Backend { profiles, .. }: Backend) {
    let others: [UserId; 12] = opened_some(&profiles).await;
    let [alice] = opened_some(&profiles).await;

    let followed = at_once(others.map(|other| {
        let profiles = profiles.clone();
        async move { profiles.follow(sample::id(), alice, other, 5).await }
    }))
    .await;

    assert_eq!(followed.iter().filter(|followed| followed.is_ok()).count(), 5);
    for refused in followed.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused), conflict("following_too_many"));
    }
    assert_eq!(counted(&profiles, alice).await, (0, 5));
    assert_eq!(followees(&profiles, alice).await.len(), 5);
}

pub async fn a_relation_is_told_from_either_end(Backend { profiles, .. }: Backend) {
    let [alice, bob, carol] = opened_some(&profiles).await;
    follow(&profiles, alice, bob).await.unwrap();
    follow(&profiles, bob, carol).await.unwrap();
    follow(&profiles, carol, bob).await.unwrap();

    for (viewer, other, is_following, follows_you) in [
        (alice, bob, true, false),
        (bob, alice, false, true),
        (bob, carol, true, true),
        (alice, carol, false, false),
        (alice, sample::id(), false, false),
    ] {
        assert_eq!(profiles.relation(viewer, other).await.unwrap(), Relation { is_following, follows_you });
    }
}

pub async fn follows_are_listed_newest_first(Backend { profiles, .. }: Backend) {
    let others: [UserId; 10] = opened_some(&profiles).await;
    let [star, fan] = opened_some(&profiles).await;
    let mut dice = Dice::new(6);
    let ends = |dice: &mut Dice| sample::ids::<FollowId, 10>().into_iter().zip(dice.shuffled(&others)).collect();
    let (followers, following): (Vec<_>, Vec<_>) = (ends(&mut dice), ends(&mut dice));

    for (id, user) in dice.shuffled(&followers) {
        profiles.follow(id, user, star, FOLLOWING_MAX).await.unwrap();
    }
    for (id, user) in dice.shuffled(&following) {
        profiles.follow(id, fan, user, FOLLOWING_MAX).await.unwrap();
    }

    let listed = |ends: Vec<_>| newest_first(ends.into_iter().map(|(id, user)| Follow { id, user }));
    assert_list(&listed(followers), |page| profiles.followers(star, page)).await;
    assert_list(&listed(following), |page| profiles.following(fan, page)).await;
    assert_list(&[], |page| profiles.following(star, page)).await;
    assert_list(&[], |page| profiles.followers(fan, page)).await;
}

pub async fn everyone_followed_is_told_beyond_a_page(Backend { profiles, .. }: Backend) {
    let others: [UserId; 150] = opened_some(&profiles).await;
    let [fan] = opened_some(&profiles).await;
    at_once(others.map(|other| {
        let profiles = profiles.clone();
        async move { follow(&profiles, fan, other).await.unwrap() }
    }))
    .await;
    follow(&profiles, others[0], fan).await.unwrap();

    assert_eq!(followees(&profiles, fan).await, others);
    assert_eq!(followees(&profiles, others[1]).await, []);
}

pub async fn every_follow_and_unfollow_makes_another_version(Backend { profiles, .. }: Backend) {
    let [alice, bob, carol] = opened_some(&profiles).await;
    let version = async || profiles.all_following(alice).await.unwrap().version;
    let mut versions = vec![version().await];

    for _ in 0..3 {
        follow(&profiles, alice, bob).await.unwrap();
        versions.push(version().await);
        follow(&profiles, alice, carol).await.unwrap();
        versions.push(version().await);
        profiles.unfollow(alice, bob).await.unwrap();
        versions.push(version().await);
        follow(&profiles, bob, alice).await.unwrap();
        profiles.unfollow(bob, alice).await.unwrap();
        assert_eq!(versions.last(), Some(&version().await));
        profiles.unfollow(alice, carol).await.unwrap();
        assert_eq!(versions[0], version().await);
    }

    let n = versions.len();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), n);
}

pub async fn the_most_followers_ever_are_kept_when_they_go(Backend { profiles, .. }: Backend) {
    let fans: [UserId; 3] = opened_some(&profiles).await;
    let [star] = opened_some(&profiles).await;
    let most = async || find(&profiles, star).await.unwrap().most_followers;
    assert_eq!(most().await, 0);

    for fan in fans {
        follow(&profiles, fan, star).await.unwrap();
    }
    assert_eq!(refusal(follow(&profiles, fans[0], star).await), conflict("already_following"));
    profiles.unfollow(fans[0], star).await.unwrap();
    profiles.unfollow(fans[1], star).await.unwrap();
    follow(&profiles, fans[0], star).await.unwrap();

    assert_eq!((counted(&profiles, star).await.0, most().await), (2, 3));
    let told = profiles.all_following(fans[0]).await.unwrap().find(star);
    assert_eq!(told, Some(Followee { user: star, most_followers: 3 }));
}

pub async fn a_walk_meets_every_lasting_follow_once_while_others_come_and_go(Backend { profiles, .. }: Backend) {
    let fans: [UserId; 30] = opened_some(&profiles).await;
    let [star] = opened_some(&profiles).await;
    for fan in fans {
        follow(&profiles, fan, star).await.unwrap();
    }
    let (lasting, passing): (Vec<_>, Vec<_>) = (0..30).partition(|n| n % 2 == 0);
    let mut passing: Vec<_> = passing.into_iter().map(|n| fans[n]).collect();

    let walked = walk(3, async |page| {
        let found = profiles.followers(star, page).await?;
        // Those just seen, the one that the next page starts at among them, and one yet to come.
        let seen: Vec<_> = passing.extract_if(.., |fan| found.items.iter().any(|follow| follow.user == *fan)).collect();
        for fan in seen {
            profiles.unfollow(fan, star).await?;
            follow(&profiles, fan, star).await?;
        }
        if !passing.is_empty() {
            profiles.unfollow(passing.remove(0), star).await?;
        }
        Ok(found)
    })
    .await;

    assert!(walked.is_sorted_by(|a, b| a.id > b.id));
    let walked: Vec<_> = walked.iter().map(|follow| follow.user).collect();
    assert_eq!(walked.iter().collect::<IdSet<_>>().len(), walked.len());
    for n in lasting {
        assert!(walked.contains(&fans[n]), "{n}");
    }
}

// Erasure

pub async fn erasing_goes_in_steps_and_counts_down_the_other_ends(Backend { profiles, .. }: Backend) {
    let others: [UserId; 5] = opened_some(&profiles).await;
    let [gone] = opened_some(&profiles).await;
    for other in others {
        follow(&profiles, gone, other).await.unwrap();
        follow(&profiles, other, gone).await.unwrap();
    }
    follow(&profiles, others[0], others[1]).await.unwrap();

    let erased = drain(1 + 3, async || {
        let erased = profiles.erase(gone, 3).await?;
        assert_eq!(find(&profiles, gone).await, None);
        assert_recount(&profiles, &others).await;
        Ok(erased)
    })
    .await;

    assert_eq!(erased, 1 + 10);
    assert_eq!(profiles.erase(sample::id(), 3).await.unwrap(), 0);
    assert_eq!(counted(&profiles, others[0]).await, (0, 1));
    assert_eq!(counted(&profiles, others[1]).await, (1, 0));
    assert_eq!(counted(&profiles, others[2]).await, (0, 0));
    assert_list(&[], |page| profiles.followers(gone, page)).await;
    assert_list(&[], |page| profiles.following(gone, page)).await;
}

pub async fn nobody_erased_is_followed_again(Backend { profiles, .. }: Backend) {
    let fans: [UserId; 12] = opened_some(&profiles).await;
    let [gone] = opened_some(&profiles).await;
    let eraser = tokio::spawn({
        let profiles = profiles.clone();
        async move { while profiles.erase(gone, 2).await.unwrap() > 0 {} }
    });

    let followed = at_once(fans.map(|fan| {
        let profiles = profiles.clone();
        async move { follow(&profiles, fan, gone).await }
    }))
    .await;
    eraser.await.unwrap();

    for refused in followed.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused).1, "user_not_found");
    }
    assert_eq!(profiles.erase(gone, 100).await.unwrap(), 0);
    assert_list(&[], |page| profiles.followers(gone, page)).await;
    for fan in fans {
        assert_eq!(counted(&profiles, fan).await, (0, 0));
    }
}

// All of it together

pub async fn counts_equal_a_recount_after_any_concurrent_work(Backend { profiles, .. }: Backend) {
    const TASKS: u64 = 8;
    const STEPS: usize = 40;
    let users: [UserId; 6] = opened_some(&profiles).await;

    at_once((0..TASKS).map(|seed| {
        let profiles = profiles.clone();
        async move {
            let mut dice = Dice::new(seed);
            for step in 0..STEPS {
                let (one, other) = (*dice.pick(&users), *dice.pick(&users));
                let done = match dice.below(5) {
                    _ if one == other => continue,
                    0 | 1 => profiles.unfollow(one, other).await,
                    _ => profiles.follow(sample::id(), one, other, 4).await,
                };
                assert!(matches!(done, Ok(()) | Err(Error::Conflict(_) | Error::NotFound(_))), "{done:?}");
                if seed == 0 && step == STEPS / 2 {
                    while profiles.erase(users[0], 2).await.unwrap() > 0 {}
                }
            }
        }
    }))
    .await;

    assert_eq!(find(&profiles, users[0]).await, None);
    assert_recount(&profiles, &users[1..]).await;
    for user in &users[1..] {
        assert!(!followees(&profiles, *user).await.contains(&users[0]));
        assert!(counted(&profiles, *user).await.1 <= 4);
    }
}

/// Each profile's counts equal its lists.
async fn assert_recount(profiles: &Arc<dyn ProfileStore>, users: &[UserId]) {
    for user in users {
        let (followers, following) = counted(profiles, *user).await;
        let listed = walk(3, async |page| profiles.followers(*user, page).await).await;
        assert_eq!(followers, listed.len() as u64);
        let listed = walk(3, async |page| profiles.following(*user, page).await).await;
        assert_eq!(following, listed.len() as u64);

        let mut listed: Vec<_> = listed.iter().map(|follow| follow.user).collect();
        listed.sort();
        assert_eq!(followees(profiles, *user).await, listed);
    }
}
