"""Normal scores are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import QuantileTransformer

from spurclust.embedding.normal import BLOCK_ROWS, normal_scores

LEVELS = st.sampled_from([-3e38, -2.5, -1e-7, 0.0, 1e-7, 0.1, 0.2, 1.0, 1.0000001, 7.0, 2e30])


def fit(rows, n_quantiles):
    transformer = QuantileTransformer(
        n_quantiles=min(n_quantiles, len(rows)), output_distribution="normal", random_state=0
    )
    return transformer.fit(rows)


@given(
    st.lists(LEVELS | st.floats(-2, 2, width=32), min_size=2, max_size=40),
    st.lists(LEVELS | st.floats(-2, 2, width=32), min_size=1, max_size=40),
    st.integers(2, 12),
)
def test_scores_are_those_of_scikit_learn(fitted, new, n_quantiles):
    fitted, new = (np.array(values, dtype=np.float32)[:, None] for values in (fitted, new))
    transformer = fit(fitted, n_quantiles)
    for rows in (fitted, new):
        np.testing.assert_allclose(
            normal_scores(transformer, rows), transformer.transform(rows), rtol=1e-6, atol=1e-6
        )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_many_columns_are_scored_like_one_in_any_company(n_jobs):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3 * BLOCK_ROWS + 5, 7)).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1])
    rows[:, 2] = 4
    transformer = fit(rows, 50)
    scores = normal_scores(transformer, rows, n_jobs)
    np.testing.assert_allclose(scores, transformer.transform(rows), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(normal_scores(transformer, rows[10:13], n_jobs), scores[10:13])
    turned = np.asfortranarray(rows)
    np.testing.assert_array_equal(normal_scores(transformer, turned, n_jobs), scores)
