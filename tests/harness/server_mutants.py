"""Bugs of the server adapters, as one-line patches, and the suites that have to find them."""

from crypto_exchange.entrypoints.testing.mutants import Mutant

_ADAPTERS = "crypto_exchange.adapters"
_STATEMENTS = f"{_ADAPTERS}.postgres.statements"
_HTTP = "crypto_exchange.entrypoints.http"

SUITES = {
    f"{_ADAPTERS}.postgres": ("tests/integration/test_contracts_postgres.py",),
    f"{_ADAPTERS}.redis": (
        "tests/integration/test_redis_adapter.py::TestAssetCache",
        "tests/integration/test_redis_adapter.py::TestAssetCacheWithoutMemory",
        "tests/integration/test_redis_adapter.py::TestTally",
        "tests/integration/test_redis_limiter.py::TestLimiter",
    ),
    f"{_ADAPTERS}.dramatiq": ("tests/integration/test_dramatiq_adapter.py",),
    f"{_ADAPTERS}.exchange": (
        "tests/unit/test_binance_refusals.py",
        "tests/unit/test_binance_orders.py",
        "tests/integration/test_binance_adapter.py::TestExchange",
        "tests/integration/test_ccxt_adapter.py::TestExchange",
        "tests/harness/test_exchanges.py",
    ),
    _HTTP: ("tests/unit/http",),
}
"""Which tests keep a package, by its name."""

SERVER_MUTANTS = (
    Mutant(
        name="S01",
        title="a wallet's version is not compared in the one statement of a command",
        module=_STATEMENTS,
        before="version = version + $4 WHERE user_id = $1 AND version = $2",
        after="version = version + $4 WHERE user_id = $1 AND version >= $2",
        origin="M22 read-modify-write without lock or version",
    ),
    Mutant(
        name="S02",
        title="anybody may read an order",
        module=_STATEMENTS,
        before="FROM orders WHERE user_id = $1 AND id = $2",
        after="FROM orders WHERE $1::bigint > 0 AND id = $2",
    ),
    Mutant(
        name="S03",
        title="of several refunds of a settlement to one wallet only the first is written",
        module=f"{_ADAPTERS}.postgres.writes",
        before="added = [amounts[user_id] for user_id in users]",
        after=(
            "added = [next(t.amount for t in change.transfers if t.user_id == user_id)"
            " for user_id in users]"
        ),
        origin="M16 cents lost",
    ),
    Mutant(
        name="S04",
        title="a command whose key another one has just stored is carried out, too",
        module=_STATEMENTS,
        before='f"INSERT INTO {table} ({names}) SELECT {values} FROM wallet"',
        after='f"INSERT INTO {table} ({names}) SELECT {values} FROM wallet ON CONFLICT DO NOTHING"',
        origin="M01 idempotency key ignored",
    ),
    Mutant(
        name="S05",
        title="a batch is not found at the moment it comes due",
        module=f"{_ADAPTERS}.postgres.read_models",
        before="state = 'sealed' AND due_at_us <= $1",
        after="state = 'sealed' AND due_at_us < $1",
        origin="M21 max-wait never fires",
    ),
    Mutant(
        name="S06",
        title="an order is moved whatever has become of it",
        module=_STATEMENTS,
        before='guard=("state", "version"),',
        after="guard=(),",
        origin="M22 read-modify-write without lock or version",
    ),
    Mutant(
        name="S07",
        title="the inventory's version is not compared when it is written",
        module=_STATEMENTS,
        before="WHERE asset = $1 AND version = $2",
        after="WHERE asset = $1 AND version >= $2",
        origin="M22 read-modify-write without lock or version",
    ),
    Mutant(
        name="S08",
        title="a commit goes through if any of its rows is as it was loaded",
        module=f"{_ADAPTERS}.postgres.writes",
        before="if matched != expected:",
        after="if not matched:",
        origin="M24 redelivery after commit settles again",
    ),
    Mutant(
        name="S09",
        title="the cost of a holding is that of its last order",
        module=_STATEMENTS,
        before="cost = t.cost + excluded.cost",
        after="cost = excluded.cost",
    ),
    Mutant(
        name="S10",
        title="a price from a clock that was ahead is kept for good",
        module=f"{_ADAPTERS}.postgres.market",
        before="OR t.priced_at_us > $4::bigint)",
        after="OR $4::bigint < 0)",
    ),
    Mutant(
        name="S11",
        title="an order replaces the tally instead of adding to it",
        module=f"{_ADAPTERS}.redis.tally",
        before="total = redis.call('INCRBY', KEYS[1], ARGV[1])",
        after="redis.call('SET', KEYS[1], ARGV[1]); total = tonumber(ARGV[1])",
        origin="M07 batch total not updated",
    ),
    Mutant(
        name="S12",
        title="nobody is woken up when the threshold is reached exactly",
        module=f"{_ADAPTERS}.redis.tally",
        before="total >= tonumber(ARGV[3])",
        after="total > tonumber(ARGV[3])",
        origin="M05 > for >= at the threshold",
    ),
    Mutant(
        name="S13",
        title="an older asset replaces a newer one in the cache",
        module=f"{_ADAPTERS}.redis.asset_cache",
        before="string.sub(kept, 1, 38) <= string.sub(ARGV[i + 1], 1, 38)",
        after="string.sub(kept, 1, 38) >= string.sub(ARGV[i + 1], 1, 38)",
    ),
    Mutant(
        name="S14",
        title="a job is acknowledged before it has run",
        module=f"{_ADAPTERS}.dramatiq.job_queue",
        before="asyncio.run_coroutine_threadsafe(job(*ids), self._loop).result()",
        after="asyncio.run_coroutine_threadsafe(job(*ids), self._loop)",
        origin="M23 crash loses the order",
    ),
    Mutant(
        name="S15",
        title="the exchange's own timeout is taken for a rejection",
        module=f"{_ADAPTERS}.exchange.binance_refusals",
        before='Row(-1014, "", _FINAL,',
        after='Row(-1007, "", _FINAL, "no answer in time"), Row(-1014, "", _FINAL,',
        origin="M09 timeout treated as reject",
    ),
    Mutant(
        name="S16",
        title="a purchase is sent under a name that nobody wrote down",
        module=f"{_ADAPTERS}.exchange.binance_orders",
        before='"newClientOrderId": purchase.client_order_id,',
        after='"newClientOrderId": f"{purchase.client_order_id}-again",',
        origin="M10 client id not persisted before the call",
    ),
    Mutant(
        name="S17",
        title="an order of the same name counts as ours whenever it was made",
        module=f"{_ADAPTERS}.exchange.binance_orders",
        before="in_time = purchase.timestamp_ms <= order.time <= latest_ms",
        after="in_time = order.time <= latest_ms",
        origin="M12 duplicate settlement",
    ),
    Mutant(
        name="S18",
        title="amounts go through a float on their way in",
        module=f"{_HTTP}.amounts",
        before="return text.decode()",
        after='return f"{float(text):.8f}"',
        origin="M27 float at the JSON boundary",
    ),
    Mutant(
        name="S19",
        title="an idempotency key is taken with another command",
        module=f"{_HTTP}.idempotency",
        before="sha256(encode(command)).hexdigest()",
        after='sha256(b"").hexdigest()',
        origin="M32 same key, other body accepted",
    ),
    Mutant(
        name="S20",
        title="a block of calls is granted as a whole, however few are left",
        module=f"{_ADAPTERS}.redis.limiter",
        before="math.min(count, quota - used)",
        after="(used < quota) and count or 0",
    ),
    Mutant(
        name="S21",
        title="every call makes the window of a rate limit longer",
        module=f"{_ADAPTERS}.redis.limiter",
        before="redis.call('INCRBY', KEYS[1], granted)",
        after="redis.call('SET', KEYS[1], used + granted, 'PX', window_ms)",
    ),
    Mutant(
        name="S22",
        title="a caller may say itself which address it is counted for",
        module=f"{_HTTP}.addresses",
        before="if _is_in(address, trusted):",
        after="if trusted:",
    ),
    Mutant(
        name="S23",
        title="of many requests at once each takes a block of calls",
        module=f"{_HTTP}.leases",
        before="if known is not None:",
        after="if known is not None and not known.granted:",
    ),
    Mutant(
        name="S24",
        title="a block of calls is still used when its window is over",
        module=f"{_HTTP}.leases",
        before="if reset_us <= 0:",
        after="if reset_us < 0:",
    ),
)


def suites_of(mutant: Mutant) -> tuple[str, ...]:
    """The tests that keep the package a mutant is in."""
    return next(suites for package, suites in SUITES.items() if mutant.module.startswith(package))
