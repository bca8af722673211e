"""What is said to explain speedups, of made-up forms whose causes are known."""

import numpy as np

from pytest_formfunc.function.explaining import EFFICACY, INTENSITY, OPERATORS, Form, explain_speedups, say_explanation


def made_up(of_operators=0.0, of_efficacy=0.0, of_intensity=0.0, together=0.5, seed=0, kinds=30):
    """Return forms whose speedup follows its causes by so much for each doubling; operators go with intensity."""
    generator = np.random.default_rng(seed)
    forms = []
    for kind in range(kinds):
        own = generator.normal(0, 0.2)
        for _ in range(3):
            operators = generator.normal(0, 2)
            intensity = -together * operators + generator.normal(0, 1)
            efficacy = generator.uniform(0, 1)
            log = of_operators * operators + of_efficacy * efficacy + of_intensity * intensity + own
            forms.append(Form(str(kind), float(2**log), {
                OPERATORS: float(2**operators), INTENSITY: float(2**intensity), EFFICACY: float(efficacy),
            }))  # fmt: skip
    return forms


def test_operators_that_explain_are_found_though_intensity_goes_with_them():
    found = explain_speedups(made_up(of_operators=0.5))
    one = found.fit.coefficients
    assert one[OPERATORS].low > 0.3
    assert one[OPERATORS].low < 0.5 < one[OPERATORS].high
    assert one[INTENSITY].low < 0 < one[INTENSITY].high
    assert found.fit.only[OPERATORS] > 0.3
    said = "\n".join(say_explanation(found))
    assert "twice the operators per GMAC go with 1.4" in said
    operators, efficacy, intensity = (
        next(line for line in said.splitlines() if f"{cause} go" in line or f"{cause} of" in line)
        for cause in (OPERATORS, EFFICACY, INTENSITY)
    )
    assert "chance" not in operators
    assert "chance" in efficacy
    assert "chance" in intensity


def test_intensity_alone_is_not_taken_for_operators():
    said = say_explanation(explain_speedups(made_up(of_intensity=-0.5)))
    assert any("twice the FLOPs a byte go with 0.7" in line and "chance" not in line for line in said)
    assert any("operators per GMAC go" in line and "chance" in line for line in said)


def test_efficacy_counts_as_a_share():
    said = say_explanation(explain_speedups(made_up(of_efficacy=-1.0)))
    assert any("native cache efficacy of 1 instead of 0 goes with 0." in line and "chance" not in line for line in said)


def test_a_cause_that_hardly_varies_or_is_seldom_known_is_left_out_and_named():
    forms = [Form(one.kind, one.speedup, {**one.causes, EFFICACY: 1.0}) for one in made_up(of_operators=0.5)]
    found = explain_speedups(forms)
    assert found.left_out == {EFFICACY: "it hardly varies"}
    assert EFFICACY not in found.fit.coefficients
    seldom = [Form(one.kind, one.speedup, {OPERATORS: one.causes[OPERATORS]}) for one in forms]
    assert explain_speedups(seldom).left_out[INTENSITY] == "known of 0 of 90 forms"
    assert any(line.startswith("native cache efficacy is left out: known of 0") for line in
               say_explanation(explain_speedups(seldom)))  # fmt: skip


def test_too_few_forms_explain_nothing():
    (said,) = say_explanation(explain_speedups(made_up()[:4]))
    assert said.startswith("nothing is explained: explaining by 3 quantities needs at least 7 points")
    assert say_explanation(explain_speedups([]))[-1] == "nothing is explained: no cause is known that varies"
