"""The contract of `Begin` and `UnitOfWork`: subclass it and override `make_store`."""

from tests.contracts.balances import BalanceContract
from tests.contracts.commits import CommitContract
from tests.contracts.loads import LoadContract
from tests.contracts.locks import LockContract

__all__ = ["UnitOfWorkContract"]


class UnitOfWorkContract(CommitContract, LockContract, LoadContract, BalanceContract):
    """Everything that use cases rely on when they load, decide and commit."""
