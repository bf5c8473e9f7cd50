"""The words of times in four languages, each with its one plain English word."""

from __future__ import annotations

from collections.abc import Mapping

from domain.name_words import words_of

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
PARTS = ("earlymorning", "morning", "noon", "afternoon", "evening", "night", "midnight")
WEEKDAY, MONTH, PART = "|".join(WEEKDAYS), "|".join(MONTHS), "|".join(PARTS)
UNIT = "minute|hour|day|week|weekend|month|quarter|year"

# canonical word: what people say for it, folded (English short forms, then Spanish, German, French)
SPOKEN = """
now: immediately asap ahora jetzt sofort maintenant
today: 2day hoy heute aujourdhui
tomorrow: tmrw tmr tmw 2moro 2morrow manana morgen demain
yesterday: yday ayer gestern hier
overmorrow: ubermorgen uebermorgen
ereyesterday: anteayer antier vorgestern
tonight: tonite 2nite
earlymorning: dawn madrugada fruh fruhmorgens temprano tempranito
morning: mornings vormittag vormittags matin matinee
noon: midday noontime lunch lunchtime mediodia mittag mittags midi
afternoon: afternoons tarde nachmittag nachmittags
evening: evenings abend abends soir soiree
night: nights noche nacht nachts nuit
midnight: medianoche mitternacht minuit
minute: minutes min mins minuto minutos minuten
hour: hours hr hrs h hora horas stunde stunden heure heures
day: days d dia dias tag tage tagen jour jours
week: weeks wk wks w semana semanas woche wochen semaine semaines
weekend: weekends wknd wkend finde wochenende
month: months mth mths mes meses monat monats monate monaten mois
quarter: quarters qtr trimestre trimestres quartal quartals quartale
year: years yr yrs ano anos jahr jahrs jahre jahren jahres ans annee annees
this: current este esta estos diese dieser dieses diesen diesem ce cet cette
this: laufende laufender laufenden laufendes laufendem
last: lst previous prev ultimo ultima ultimos ultimas pasado pasada pasados pasadas letzte letzter letzten letztes
last: letztem vorige voriger vorigen voriges vergangene vergangener vergangenen vergangenes
last: dernier derniere derniers dernieres passe passee
last: anterior anteriores precedent precedente precedents precedentes
past: trailing
next: nxt proximo proxima proximos proximas viene nachste nachster nachsten nachstes nachstem
next: prochain prochaine prochains prochaines
next: siguiente siguientes suivant suivante suivants suivantes folgende folgender folgenden folgendes
coming: upcoming kommende kommender kommenden kommendes kommendem
same: mismo misma mismos mismas gleiche gleicher gleichen gleiches gleichem
same: selbe selben selber selbes dasselbe derselbe dieselbe denselben dieselben meme memes
in: within inside en dentro dans
ago: back earlier
later: spater ahead voraus despues
since: desde seit depuis
until: till til hasta bis jusqua jusquau
from: ab
to: through thru
between: entre zwischen
and: plus y und et
before: antes avant vor hace
start: beginning begin principio principios comienzo comienzos anfang beginn debut
end: fin final finales ende
half: halbe halben halb media medio demi demie
at: um
january: jan enero januar janner janvier
february: feb febrero februar fevrier
march: mar marzo marz maerz mars
april: apr abril avril
may: mayo mai
june: jun junio juni juin
july: jul julio juli juillet
august: aug agosto aout
september: sep sept septiembre setiembre septembre
october: oct octubre okt oktober octobre
november: nov noviembre novembre
december: dec diciembre dez dezember decembre
monday: mon lunes montag lundi
tuesday: tue tues martes dienstag mardi
wednesday: wed weds miercoles mittwoch mercredi
thursday: thu thur thurs jueves donnerstag jeudi
friday: fri viernes freitag vendredi
saturday: sat sabado samstag sonnabend samedi
sunday: sun domingo sonntag dimanche
1: one uno
2: two couple dos zwei deux
3: three tres drei trois
4: four cuatro vier quatre
5: five cinco funf cinq
6: six seis sechs
7: seven siete sieben
8: eight ocho acht huit
9: nine nueve neun neuf
10: ten diez zehn dix
11: eleven once elf onze
12: twelve doce zwolf douze
14: fourteen catorce vierzehn quatorze
15: fifteen quince funfzehn quinze
20: twenty veinte zwanzig vingt
24: veinticuatro vierundzwanzig
30: thirty treinta dreissig trente
48: achtundvierzig
1th: first primero primer primera ersten erste erster erstes premier premiere
2th: second segundo segunda zweiten zweite zweiter zweites deuxieme seconde
3th: third tercer tercero tercera dritten dritte dritter drittes troisieme
4th: fourth cuarto cuarta vierten vierte vierter viertes quatrieme
5th: fifth quinto quinta funften funfte cinquieme
10th: tenth
15th: fifteenth
20th: twentieth
30th: thirtieth
"""
FILLERS = words_of(
    "the of on by for during around about approximately roughly please sometime anytime any over throughout whole "
    "entire all latest due so far el la los las de del por para le les du des aux der die das den dem am im zu zum zur "
    "uber von vom gegen wahrend circa durante pendant ungefahr bitte vers pour sur ici que spatestens"
)
# Known words that are no times, or that only phrases hold; here so that they are not taken for typing errors.
OTHER_WORDS = words_of(
    "soon moon never whenever always spring summer autumn winter some none late later early thing close "
    "business once right away straight possible following before after date oclock uhr clock fortnight apres pasado "
    "anoche manana morgen esta not than spatestens tardar plus tard time ytd mtd "
    "wtd eod eow eom eoy cob kw noche eine einer einem einen nach"
)

# Known as parts of sayings alone: no typing error is mended to one of them. The first name days, with others or alone.
MONTH_WEEKS = frozenset(
    f"{month}woche"
    for month in words_of("januar februar marz maerz april mai juni juli august september oktober november dezember")
)
DATE_WORDS = MONTH_WEEKS | words_of(
    "monatsende jahresende quartalsende tagesende feierabend wochenbeginn wochenanfang monatsbeginn monatsanfang "
    "quartalsbeginn quartalsanfang jahresbeginn jahresanfang heuer vortag vorwoche vormonat vormonats vorquartal "
    "vorquartals vorjahr vorjahrs vorjahres vorjahreswoche vorjahresmonat vorjahresmonats vorjahresquartal "
    "vorjahreszeitraum vorjahreszeitraums vorletzte vorletzten vorletzter vorletztes vorletztem folgetag folgewoche "
    "folgemonat folgemonats folgejahr folgejahrs folgejahres antepasado antepasada veille lendemain cours curso eve "
    "far prior preceding"
)
SAYING_WORDS = DATE_WORDS | words_of(
    "sharp ish dot exactly punkt punto pile viertel dreiviertel quart cuarto menos moins eins play lo va llevamos "
    "altura alturas fechas epoca epoque zeit zeitraum period periode periodo huit bisher bislang "
    "jusquici ubernachste ubernachsten ubernachster ubernachstes northern southern eastern western bin bins"
)


def _spoken() -> Mapping[str, str]:
    """Every variant with its canonical word."""
    table = {}
    for line in SPOKEN.strip().splitlines():
        canonical, _, variants = line.partition(":")
        table.update({variant: canonical for variant in (canonical, *variants.split())})
    return table


TRANSLATION = _spoken()
