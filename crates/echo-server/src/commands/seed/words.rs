//! What demo people are called, and what they say.

use super::dice::Dice;

/// At most 6 letters each: with a number and a seed, a username has at most 32 characters.
const FIRST_NAMES: [&str; 48] = [
    "Ada", "Aiko", "Amir", "Ana", "Anouk", "Bela", "Bruno", "Carla", "Chidi", "Clara", "Dara", "Diego", "Edda", "Elif",
    "Emeka", "Enzo", "Farah", "Femi", "Freya", "Hana", "Hugo", "Ida", "Ines", "Ivan", "Jana", "Jomo", "Jorge", "Kaito",
    "Kira", "Laila", "Lena", "Leo", "Lucia", "Malik", "Mara", "Mei", "Milan", "Nadia", "Nils", "Noor", "Omar", "Petra",
    "Priya", "Rosa", "Samir", "Tala", "Yara", "Zoe",
];

/// At most 7 letters each.
const LAST_NAMES: [&str; 48] = [
    "Abe", "Adeyemi", "Alves", "Bauer", "Berg", "Bianchi", "Castro", "Chen", "Costa", "Dahl", "Diaz", "Dubois", "Eze",
    "Farouk", "Fischer", "Garcia", "Gomez", "Haddad", "Hansen", "Horvat", "Ito", "Jansen", "Kaya", "Keita", "Khan",
    "Kim", "Kovac", "Larsen", "Lima", "Lopez", "Mensah", "Meyer", "Moreau", "Nagy", "Nguyen", "Novak", "Okafor",
    "Park", "Patel", "Reyes", "Rossi", "Sato", "Silva", "Suzuki", "Tanaka", "Vargas", "Weber", "Yilmaz",
];

const OPENERS: [&str; 16] = [
    "This morning",
    "Finally",
    "On the way home",
    "For the first time in years",
    "After the rain",
    "Before breakfast",
    "Somewhere between two trains",
    "Against all advice",
    "With a little help",
    "Last night",
    "By accident",
    "At the market",
    "On a slow Sunday",
    "As promised",
    "Without a map",
    "Just now",
];

const DEEDS: [&str; 24] = [
    "I baked bread that rose",
    "we walked along the old canal",
    "I finished the book everyone talks about",
    "the neighbour's cat moved in",
    "I repaired a radio from 1962",
    "we saw the first swallows",
    "I learned to make dumplings",
    "my tomatoes turned red",
    "we found a café without music",
    "I rode to the lighthouse and back",
    "we painted the kitchen door yellow",
    "I beat my father at chess",
    "the choir sang without its conductor",
    "I swam before the ferry came",
    "we counted eleven kinds of moss",
    "I lost my keys and found a friend",
    "the telescope arrived",
    "we planted a walnut tree",
    "I wrote a letter by hand",
    "we missed the last bus",
    "I cooked for nine people",
    "the sea was flat as glass",
    "I gave my first talk",
    "we closed the shop for a day",
];

const CLOSERS: [&str; 16] = [
    "Worth every minute.",
    "Not doing that again.",
    "More of this, please.",
    "Who would have thought?",
    "Ask me anything.",
    "Still smiling.",
    "Pictures to follow.",
    "I slept like a stone.",
    "It took three attempts.",
    "Recommended.",
    "Tomorrow again.",
    "Nobody believes me.",
    "My feet disagree.",
    "Small things.",
    "What about you?",
    "Now: coffee.",
];

const COMMENTS: [&str; 20] = [
    "Lovely!",
    "Tell me more.",
    "I was there, too.",
    "How long did it take?",
    "This made my day.",
    "Same here.",
    "Recipe, please!",
    "Where is that?",
    "You should write a book.",
    "Next time take me along.",
    "Oh, I remember that.",
    "Congratulations!",
    "I disagree, but nicely put.",
    "Beautiful.",
    "And then?",
    "My grandmother says the same.",
    "That is so you.",
    "I needed this.",
    "See you on Sunday?",
    "Bravo!",
];

/// A first and a last name.
pub(super) fn name(dice: &mut Dice) -> (&'static str, &'static str) {
    (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES))
}

/// A sentence or two.
pub(super) fn text(dice: &mut Dice) -> String {
    let (opener, deed) = (dice.pick(&OPENERS), dice.pick(&DEEDS));
    if dice.chance(600) { format!("{opener} {deed}. {}", dice.pick(&CLOSERS)) } else { format!("{opener} {deed}.") }
}

pub(super) fn comment(dice: &mut Dice) -> &'static str {
    dice.pick(&COMMENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        let plain = |name: &str, most: usize| name.len() <= most && name.bytes().all(|c| c.is_ascii_alphabetic());

        assert!(FIRST_NAMES.iter().all(|name| plain(name, 6)));
        assert!(LAST_NAMES.iter().all(|name| plain(name, 7)));
    }
}
