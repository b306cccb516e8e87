"""Read unit count and unit capacity out of the projects' configuration texts.

What is read is COUNT x UNIT, where UNIT is a capacity ("2 x 300 MWe"), a design ("2 x Xe-100"), or a design
and its capacity ("1x AP1000 (1,117 MWe)"). A number that the text does not state plainly stays NULL:

- both, if the text does not begin with a count from 1 to 999, or tells of a choice or of several kinds of
  units ("2 x 300 MWe + 1 x 50 MWe");
- the capacity, if it is thermal ("2 x 300 MWt"), a range or an estimate ("300-350 MWe", "about 300 MWe"), a
  total of several units, zero or less, more than any unit has, or to be read in two ways ("1.117 MWe").

MW without a letter is electric, unless the text speaks of heat. A capacity behind a design is that of one
unit. "1,117" is 1117, as the application writes it; "1,5" is 1.5. How many texts were read, and examples of
those that were not, go to the log.
"""

import re
import unicodedata
from collections import Counter
from decimal import Decimal

depends_on = ["0001_initial_schema"]

LONGEST_TEXT = 200  # characters; what is longer is prose or rubbish, and is not searched for numbers
LARGEST_UNIT_MWE = 5_000  # the largest unit ever built has a third of that
EXAMPLES = 5

TIMES = r"[x*\u00d7\u2715]"  # the letter, the asterisk, and two multiplication signs
PRODUCT = re.compile(rf"(?P<count>\d{{1,3}}) ?{TIMES} ?(?P<unit>.+)", re.IGNORECASE)
SEVERAL_KINDS = re.compile(rf"\d ?{TIMES}|[+&;?]|\b(?:and|or|plus)\b", re.IGNORECASE)
CAPACITY = re.compile(
    r"(?<![\w.,'\u2019])(?P<number>\d[\d.,]*) ?(?P<prefix>[kmg])w"
    r"(?: ?[-(]?(?:(?P<electric>e|el|electric|electrical)|(?P<thermal>t|th|thermal))\b\)?)?(?!\w)",
    re.IGNORECASE,
)
# In front of a capacity: a range, a sign, an estimate, or the first half of "1 117 MWe".
DOUBT = re.compile(
    r"(?:[-\u2010-\u2015\u2212~\u2248<>\u2264\u2265\u00b1/]|\d"
    r"|\b(?:to|about|around|approx\.?|ca\.?|circa|over|under|max\.?|min\.?)) ?$",
    re.IGNORECASE,
)
HEAT = re.compile(r"\b(?:heat|thermal)", re.IGNORECASE)
TOTAL = re.compile(r"\b(?:total|combined|altogether|overall|together|in all)\b", re.IGNORECASE)

IN_MEGAWATTS = {"k": Decimal("0.001"), "m": Decimal(1), "g": Decimal(1000)}


def upgrade(db):
    db.execute("ALTER TABLE projects ADD COLUMN unit_count INTEGER")
    db.execute("ALTER TABLE projects ADD COLUMN unit_capacity_mwe REAL")

    seen = Counter()
    examples = {"only the unit count": [], "nothing": []}

    def fill(project_id, configuration):
        count, capacity = read_configuration(configuration)
        if count is not None and capacity is not None:
            outcome = "both"
        elif count is not None:
            outcome = "only the unit count"
        elif not configuration or not str(configuration).strip():
            outcome = "empty"
        else:
            outcome = "nothing"
        seen[outcome] += 1
        if outcome in examples and len(examples[outcome]) < EXAMPLES:
            examples[outcome].append(f"project {project_id}: {configuration!r:.60}")
        return {"unit_count": count, "unit_capacity_mwe": capacity}

    db.transform("projects", fill, reads=["project_id", "configuration"], writes=["unit_count", "unit_capacity_mwe"])

    db.log(
        f"{seen['both']} of {seen.total()} configurations were read, {seen['only the unit count']} in part, "
        f"{seen['nothing']} were not, {seen['empty']} are empty"
    )
    for outcome, texts in examples.items():
        if texts:
            db.log(f"read {outcome}, for example: {'; '.join(texts)}")


def downgrade(db):
    db.execute("ALTER TABLE projects DROP COLUMN unit_capacity_mwe")
    db.execute("ALTER TABLE projects DROP COLUMN unit_count")


def read_configuration(text):
    """Return unit count and unit capacity in MWe, each None if `text` does not say it plainly."""
    if not isinstance(text, str):
        return None, None
    text = " ".join(text.split())
    if len(text) > LONGEST_TEXT:
        return None, None
    if any(unicodedata.category(character) == "No" for character in text):
        return None, None  # NFKC would make 300² into 3002, and ½ into 1/2
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    text = "".join(str(unicodedata.decimal(character, character)) for character in text)
    product = PRODUCT.fullmatch(text)
    if product is None or not text.isprintable() or SEVERAL_KINDS.search(product["unit"]):
        return None, None
    count = int(product["count"])
    if count == 0:
        return None, None
    return count, unit_capacity(count, product["unit"])


def unit_capacity(count, unit):
    """Return the electric capacity in MWe that `unit` gives for one of `count` units, or None."""
    stated = []
    for capacity in CAPACITY.finditer(unit):
        if capacity["thermal"] or (HEAT.search(unit) and not capacity["electric"]):
            continue
        value = megawatts(capacity["number"], capacity["prefix"].lower())
        if value is None or DOUBT.search(unit[: capacity.start()]):
            return None
        stated.append(value)
    if not stated:
        return None
    one, *others = stated
    total = one * count
    if any(other not in (one, total) for other in others):
        return None
    if TOTAL.search(unit) and count > 1 and total not in others:
        return None
    return float(one)


def megawatts(number, prefix):
    """Return `number`, as it is written, in MW; None if it can be read in two ways or no unit has so much."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", number):
        value = Decimal(number.replace(",", ""))
    elif re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+", number):
        value = Decimal(number.replace(".", "").replace(",", "."))
    elif re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", number) and prefix != "g":
        return None
    elif re.fullmatch(r"\d+(?:[.,]\d+)?", number):
        value = Decimal(number.replace(",", "."))
    else:
        return None
    value *= IN_MEGAWATTS[prefix]
    return value if 0 < value <= LARGEST_UNIT_MWE else None
