"""Tables by what a practitioner tries first: a linear model, scikit-learn's trees, CatBoost, LightGBM.

python table_models.py TABLE.csv ANSWER label|number SEED OUT.json MODEL [--inner]

The linear model's strength is chosen on inner folds; its numbers with few values stand as categories. All others are
at their defaults, ExtraTrees with 500 trees. See table_folds.py.
"""

from __future__ import annotations

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from table_folds import Rows, answer_folds

FEW_VALUES = 6  # a number with so many different values is a category to the linear model: the kind of a pain


def linear(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """Logistic or ridge regression."""
    counts = [len(np.unique(column[~np.isnan(column)])) for column in train.numbers.T]
    few = [index for index, count in enumerate(counts) if 2 < count <= FEW_VALUES]
    many = [index for index in range(len(counts)) if index not in few]
    words = list(range(len(counts), len(counts) + train.words.shape[1]))
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encoder = make_column_transformer(
        (scaled, many), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), few + words)
    )
    if is_label:
        model = LogisticRegressionCV(
            Cs=np.logspace(-3, 2, 6),
            l1_ratios=(0.0,),
            scoring="neg_log_loss",
            max_iter=500,
            use_legacy_attributes=False,
        )
    else:
        model = RidgeCV(np.logspace(-2, 4, 13))
    model.fit(encoder.fit_transform(_joined(train)), train.answers)
    return _answered(model, encoder.transform(_joined(test)), is_label)


def extra_trees(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """ExtraTrees on medians for what is missing and ordinal codes."""
    ready, asked = _codes(train, test)
    filled = SimpleImputer(strategy="median", keep_empty_features=True).fit(ready)
    kind = ExtraTreesClassifier if is_label else ExtraTreesRegressor
    model = kind(n_estimators=500, random_state=seed).fit(filled.transform(ready), train.answers)
    return _answered(model, filled.transform(asked), is_label)


def hist_gradient_boosting(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """HistGradientBoosting, told which columns are words."""
    ready, asked = _codes(train, test)
    kind = HistGradientBoostingClassifier if is_label else HistGradientBoostingRegressor
    words = np.arange(ready.shape[1]) >= train.numbers.shape[1]
    model = kind(categorical_features=words, random_state=seed).fit(ready, train.answers)
    return _answered(model, asked, is_label)


def catboost(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """CatBoost, told which columns are words."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    words = list(range(train.numbers.shape[1], train.numbers.shape[1] + train.words.shape[1]))
    kind = CatBoostClassifier if is_label else CatBoostRegressor
    model = kind(
        cat_features=words, random_seed=seed, verbose=False, allow_writing_files=False, thread_count=1
    ).fit(_joined(train), train.answers)  # fmt: skip
    return _answered(model, _joined(test), is_label)


def lightgbm(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """LightGBM, told which columns are words."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    ready, asked = _codes(train, test)
    words = list(range(train.numbers.shape[1], ready.shape[1]))
    kind = LGBMClassifier if is_label else LGBMRegressor
    model = kind(random_state=seed, n_jobs=1, verbose=-1).fit(ready, train.answers, categorical_feature=words)
    return _answered(model, asked, is_label)


def _joined(rows: Rows) -> np.ndarray:
    return np.concatenate([rows.numbers.astype(object), rows.words.astype(object)], axis=1)


def _codes(train: Rows, test: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers and ordinal codes of the words, NaN where missing or unknown."""
    if not train.words.shape[1]:
        return train.numbers, test.numbers
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan).fit(train.words)
    ready, asked = (np.concatenate([one.numbers, codes.transform(one.words)], axis=1) for one in (train, test))
    return ready, asked


def _answered(model: object, asked: np.ndarray, is_label: bool) -> np.ndarray:
    return model.predict_proba(asked) if is_label else model.predict(asked)  # type: ignore[attr-defined]


if __name__ == "__main__":
    answer_folds(
        {
            "linear": linear,
            "extra_trees": extra_trees,
            "hist_gradient_boosting": hist_gradient_boosting,
            "catboost": catboost,
            "lightgbm": lightgbm,
        }
    )
