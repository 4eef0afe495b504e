"""Whether a prior is of the landmark or city that it is asked about."""

from gpslift.geo.cities import City
from gpslift.geo.subject import Subject
from gpslift.priors.pipeline import PlaceDiffusionPipeline


def subject_unlike(prior: PlaceDiffusionPipeline, asked: Subject, named: str) -> str:
    """What the prior is of, in words, where that is not `asked`, which the config names so; '' where it is.

    asked: of the prior's kind of place. Cities differ by title, landmarks by the caption of their photos.
    """
    if isinstance(asked, City):
        its, other = prior.place_encoder.city.title, asked.title
    else:
        its, other = prior.caption, asked.caption
    return "" if its == other else f"the prior is of '{its}', but {named} is '{other}'"
