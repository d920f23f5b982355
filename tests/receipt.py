"""receipt.py XES SERIES: what the permits' retention must be, computed from the sources by other means than Fonds'.

Reads the XES log with Python's XML parser and the schedule's rows by key, resolves dates in Europe/Amsterdam, and prints
a JSON object: id -> {series, created, closed, until, waiting, active_after_close, implausible}.
"""
import datetime, gzip, json, sys, xml.etree.ElementTree as xml
from zoneinfo import ZoneInfo

SERIES = {"General": ("783", "597"), "Customer contact": ("452", "171"), "Experts": ("554", "628")}
zone = ZoneInfo("Europe/Amsterdam")

rules = {}
for line in gzip.open(sys.argv[2], "rt", encoding="utf-8"):
    o = json.loads(line)
    if "series_metadata" in o:
        key = (o["schedule_metadata"]["schedule_id"], o["series_metadata"]["series_id"])
        if key in SERIES.values():
            rules[key] = (o["retention_code"], o["retention_rules"]["duration_years"])


def instant(text):
    return datetime.datetime.fromisoformat(text)


def day(text):
    return instant(text).astimezone(zone).date()


def years_later(date, years):
    try:
        return date.replace(year=date.year + years)
    except ValueError:  # 29 February
        return date.replace(year=date.year + years, day=28)


def last_day_kept(code, years, created, closed):
    if code == "AC":
        return closed and years_later(closed, years)
    if code == "FE":  # the fiscal year ends on 31 August
        return datetime.date(created.year + (created > datetime.date(created.year, 8, 31)) + years, 8, 31)
    if code == "CE":
        return datetime.date(created.year + years, 12, 31)
    raise SystemExit(f"code {code}")


out = {}
name = lambda tag: tag.rsplit("}", 1)[-1]
for _, trace in xml.iterparse(gzip.open(sys.argv[1])):
    if name(trace.tag) != "trace":
        continue
    own = {a.get("key"): a.get("value") for a in trace if name(a.tag) != "event"}
    stamps = [a.get("value") for e in trace if name(e.tag) == "event" for a in e if a.get("key") == "time:timestamp"]
    created, end = day(own["startdate"]), own.get("enddate")
    key = SERIES.get(own["department"])
    answer = {"series": key and f"tx/{key[0]}/{key[1]}", "created": str(created), "closed": end and str(day(end)),
              "until": None, "waiting": None, "active_after_close": bool(end) and any(instant(s) > instant(end) for s in stamps)}
    # Something happened to it before the day on which it is said to have been created: nobody can tell how old it is.
    answer["implausible"] = any(day(s) < created for s in stamps)
    if key:
        kept = last_day_kept(*rules[key], created, end and day(end))
        answer["until"] = kept and str(kept + datetime.timedelta(days=1))
        answer["waiting"] = None if kept else "closed"
    out["permit/" + own["concept:name"]] = answer
    trace.clear()
json.dump(out, sys.stdout)
