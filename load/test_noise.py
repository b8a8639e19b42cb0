"""Is what counts as a difference one, and what does not, none? On sets that are made up, the same each time."""

import random
import unittest

import noise

FIGURES = 17  # as many as the scenarios have
TRIALS = 200


def runs(dice, n, shifted=(), spread=0.05):
    """Of figures of about 100; those that are shifted are 20 % more. What a run has of noise, its figures share in part."""

    def run():
        together = dice.gauss(0, 0.6)
        own = (dice.gauss(0, 0.8) for _ in range(FIGURES))
        return [100 * (1.2 if place in shifted else 1) * (1 + spread * (together + it)) for place, it in enumerate(own)]

    return [run() for _ in range(n)]


def share_of_trials(trials, trial):
    dice = random.Random(42)
    return sum(bool(trial(dice)) for _ in range(trials)) / trials


class Noise(unittest.TestCase):
    def test_two_sets_of_the_same_rarely_differ_in_anything(self):
        # In five of a hundred trials, by design. More than nine would be chance in one of two hundred such tests.
        for n_a, n_b in ((5, 5), (5, 8)):
            different = lambda dice: min(noise.chances(runs(dice, n_a), runs(dice, n_b))) <= noise.LEVEL

            self.assertLessEqual(share_of_trials(TRIALS, different), 0.09, (n_a, n_b))

    def test_no_more_often_when_times_have_long_tails(self):
        tailed = lambda dice: [[dice.lognormvariate(0, 1) for _ in range(FIGURES)] for _ in range(5)]
        different = lambda dice: min(noise.chances(tailed(dice), tailed(dice))) <= noise.LEVEL

        self.assertLessEqual(share_of_trials(TRIALS, different), 0.09)

    def test_a_fifth_more_is_found_among_noise_of_a_twentieth(self):
        for n, least, trials in ((5, 0.8, TRIALS), (7, 0.97, 40)):
            found = lambda dice: noise.chances(runs(dice, n), runs(dice, n, shifted=[3]))[3] <= noise.LEVEL

            self.assertGreaterEqual(share_of_trials(trials, found), least, n)

    def test_what_did_not_change_is_not_blamed_for_what_did(self):
        blamed = lambda dice: any(
            chance <= noise.LEVEL
            for chance in noise.chances(runs(dice, 5), runs(dice, 5, shifted=range(8)))[8:]
        )

        self.assertLessEqual(share_of_trials(TRIALS, blamed), 0.09)

    def test_it_does_not_matter_which_is_which_and_in_what_unit(self):
        dice = random.Random(7)
        a, b = runs(dice, 5), runs(dice, 5, shifted=[0, 1])
        in_seconds = lambda of: [[figure / 1000 for figure in run] for run in of]

        for one, other in ((b, a), (in_seconds(a), in_seconds(b))):
            for expected, chance in zip(noise.chances(a, b), noise.chances(one, other)):
                self.assertAlmostEqual(chance, expected)

    def test_what_is_the_same_in_every_run_never_differs(self):
        self.assertEqual(noise.chances([[0, 1]] * 5, [[0, 2]] * 5), [1, 2 / 252])

    def test_every_way_to_divide_few_runs_is_tried_and_some_to_divide_many(self):
        self.assertEqual(len({tuple(way) for way in noise.ways(10, 5)}), 252)
        many = noise.ways(20, 10)
        self.assertEqual((len(many), list(many[0])), (noise.MOST_WAYS, list(range(10))))
        self.assertTrue(all(len(set(way)) == 10 for way in many))


if __name__ == "__main__":
    unittest.main()
