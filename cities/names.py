"""Masks people's names in free text, so that a public folder does not carry them.

Two rules: a common first name, with the surname after it; and a capitalised name after a title or after words such as
"picked up by". Both err towards masking. Names that neither rule sees can remain.
"""

from __future__ import annotations

import re

MASK = "[name]"
FIRST_NAMES = (
    "alex|anne|billy|bob|bobby|brian|carlos|chris|colleen|daniel|danny|dave|david|eddie|eric|frank|gary|george|glen|"
    "greg|hector|henry|james|jason|jeff|jennifer|jerry|jim|jimmy|joe|john|jose|joseph|josh|karen|kathy|kelly|kevin|larry|"
    "lauren|linda|lisa|luis|maria|mary|matt|maureen|melissa|michael|michelle|miguel|mike|nancy|nick|nicole|norman|pat|"
    "patricia|paul|pedro|peter|phil|rick|robert|ryan|sal|sarah|sean|stephen|steve|susan|thomas|tim|tina|tom|tony|vinny|"
    "william"
)
NAMES_AND_WORDS = "Adam|Andrew|Angel|Anthony|Arthur|Ben|Charles|Donald|Edward|Gilbert|Jack|Mark|Martin|Ray|Scott"
TITLES = "Inspector|Foreman|Supervisor|Superintendent|Superintendant|Commissioner|Manager|Mr|Mrs|Ms|Officer"
DOERS = (
    r"(?:picked up|surveyed|inspected|done|removed|swapped out|delivered|emptied|looked at|left for \S+|signed|up) by|"
    r"spoken? (?:to|with)|message was left for|(?:given|sent|forwarded) to|thank you[.,]?|thanks[.,]?|\bper"
)
STREETS = (
    r"(?:St|Sts|Street|Sq|Square|Ave|Av|Avenue|Rd|Road|Pk|Park|Way|Pl|Place|Ct|Court|Hall|Hospital|Memorial|School|Ter|"
    r"Terrace)"
)
NOT_A_NAME = (
    r"(?:The|This|That|Our|Your|We|It|Public|Waste|Capitol|Capital|Sunrise|City|Constituents?|Code|Tree|Boston|Contractor|"
    r"District|Dist|Highway|Other|External|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|PWD|DPW|Case|Residents?|Owner|"
    r"Property|Mayor|Park|Police|State|Animal|Street|Construction|Operations|Management|Office|Dumpster|Litter|"
    r"Recycling|Inspection\w*|Department|Environmental|Vector|Todisco|Northeastern|Housing|Transportation|Mass\w*)"
)
SURNAME = rf"(?: [A-Z]\.)?(?: (?!{STREETS}\b)(?!{NOT_A_NAME}\b)[A-Z][a-z]+)"

FIRST_NAME = re.compile(rf"\b(?i:{FIRST_NAMES})\b(?! (?i:{STREETS})\b){SURNAME}?")
FULL_NAME = re.compile(rf"\b(?:{NAMES_AND_WORDS}){SURNAME}")
TITLED = re.compile(rf"\b({TITLES})\.? (?!{NOT_A_NAME}\b)[A-Z][a-z]+{SURNAME}?")
NAMED_DOER = re.compile(rf"((?i:{DOERS}) )(?!{NOT_A_NAME}\b)[A-Z][a-z]+(?! {STREETS}\b){SURNAME}?")


def mask_names(text: str) -> str:
    """The text with what looks like a person's name replaced by "[name]"."""
    text = FIRST_NAME.sub(MASK, text)
    text = TITLED.sub(rf"\1 {MASK}", text)
    return FULL_NAME.sub(MASK, NAMED_DOER.sub(rf"\1{MASK}", text))
