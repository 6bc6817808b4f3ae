"""What changes between two versions is decided once for all datasets about which policies tell nothing apart."""

from dataclasses import replace

import pytest

from dataops_assets.catalog import DEFS, load_catalog
from dataops_assets.contract import Catalog
from dataops_assets.observe.access import Difference
from dataops_assets.observe.compared import difference
from dataops_assets.policy.access import Access, load
from dataops_assets.policy.language import read_policy
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.values import PREFIX

MORE = 40


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ARNs of all requests that are decided."""
    asked: list[str] = []
    may = Access.may

    def counted(self: Access, caller, action, resource, context=None):  # type: ignore[no-untyped-def]
        asked.append(resource)
        return may(self, caller, action, resource, context)

    monkeypatch.setattr(Access, "may", counted)
    return asked


def with_more(catalog: Catalog) -> Catalog:
    """Each dataset again and again, by other names."""
    copies = [
        replace(dataset, name=f"{dataset.name}_{number}", folder=f"{dataset.folder}_{number}")
        for dataset in catalog
        for number in range(MORE)
    ]
    return Catalog(catalog.policy, [*catalog, *copies], catalog.source)


def reading_raw(access: Access) -> Access:
    """One role may read one place more."""
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{PREFIX}-prod/raw/*"}
    more = read_policy({"Version": "2012-10-17", "Statement": [allow]}, "more", "identity")
    roles = [
        replace(role, policies=(*role.policies, more)) if role.name == "analyst-analysts" else role for role in access.roles
    ]
    return replace(access, roles=tuple(roles))


def test_datasets_alike_are_decided_once_and_each_is_told(decided: list[str]):
    access, few = load(PROJECT / "infra/access"), load_catalog(DEFS)
    ingested = [dataset for dataset in few if dataset.ingested]
    found = {}
    for size, catalog in ((1, few), (MORE + 1, with_more(few))):
        told = difference((access, catalog), (reading_raw(access), catalog))
        assert {grant.who for grant in told.gained} == {"prod/analyst-analysts"}
        assert len({grant.dataset for grant in told.gained}) == size * len(ingested)
        assert (told.lost, told.new) == ((), ())
        found[size] = len(decided)
        decided.clear()
    assert found[1] == found[MORE + 1]


def test_nothing_is_decided_where_nothing_changed(decided: list[str]):
    access, catalog = load(PROJECT / "infra/access"), load_catalog(DEFS)
    told = difference((access, catalog), (load(PROJECT / "infra/access"), catalog))
    assert told == Difference((), (), ())
    assert decided == []
