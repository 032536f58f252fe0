"""People: what they command, what must come of it, and what came of it.

A command that nothing disturbs must end exactly as the reference model says, refusals with their code.
One that meets a crash, a lost answer or others at the same time may end in more than one way; then what
is committed is judged alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from crypto_exchange.domain.cashier import Deposit as DepositCommand
from crypto_exchange.domain.cashier import Withdraw as WithdrawCommand
from crypto_exchange.domain.change import RequestKey
from crypto_exchange.domain.errors import DomainError, Unavailable
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.use_cases import orders, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.model import ModelOrder
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.recording import Crash
from crypto_exchange.entrypoints.testing.steps import (
    SYMBOLS,
    Aim,
    Buy,
    Cancel,
    Deposit,
    Repeat,
    Withdraw,
)
from crypto_exchange.entrypoints.testing.world import LISTED, World

CENT = 10**6
LARGEST = 10_000_000 * 100 * CENT
NEWEST = 40
"""So many of the newest orders may be cancelled."""

Command = DepositCommand | WithdrawCommand | PlaceOrder
Result = TypeVar("Result")


class Refused(msgspec.Struct, frozen=True):
    """A command was refused with this code."""

    code: str


class People:
    """Carries out people's steps in a world. With `alone` unset, others act at the same time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent: list[Command] = []
        self.alone = True

    async def deposit(self, step: Deposit) -> None:
        """Bring dollars in."""
        user_id, amount = self._person(step.person), step.cents * CENT
        request = _request("deposit", step.key, amount)
        command = DepositCommand(user_id=user_id, amount=amount, request=request)
        await self._send(command, step.crash)

    async def withdraw(self, step: Withdraw) -> None:
        """Take dollars out."""
        user_id = self._person(step.person)
        amount = self._dollars(user_id, SYMBOLS[0], step.aim, step.plus)
        request = _request("withdraw", step.key, amount)
        command = WithdrawCommand(user_id=user_id, amount=amount, request=request)
        await self._send(command, step.crash)

    async def buy(self, step: Buy) -> None:
        """Place an order."""
        user_id, symbol = self._person(step.person), SYMBOLS[step.asset % len(SYMBOLS)]
        spend: int | None = self._dollars(user_id, symbol, step.aim, step.plus)
        amount = None
        if step.units is not None and spend is not None:
            price = self._world.exchange.prices[symbol]
            amount, spend = spend * 10**12 // price + step.units, None
        request = _request("order", step.key, (symbol, amount, spend))
        command = PlaceOrder(
            user_id=user_id, asset=symbol, amount=amount, spend=spend, request=request
        )
        await self._send(command, step.crash)

    async def repeat(self, step: Repeat) -> None:
        """Send a command with a key once more, the same or another one."""
        keyed = [command for command in self._sent if command.request is not None]
        if not keyed:
            return
        command = keyed[step.command % len(keyed)]
        if step.changed and command.request is not None:
            other = msgspec.structs.replace(command.request, fingerprint="another command")
            command = msgspec.structs.replace(command, request=other)
        await self._send(command, None)

    async def cancel(self, step: Cancel) -> None:
        """Take an order back, if it still waits."""
        world = self._world
        if not world.orders:
            return
        newest = world.orders[-NEWEST:]
        order = newest[step.order % len(newest)]
        waits = world.model.orders[order.id].state == OrderState.AGGREGATED.value
        calm, told = self._arm(step.crash), len(world.tallied)
        ended = await self._attempt(
            lambda context: orders.cancel(context, order.user_id, order.id), calm=calm
        )
        if not calm or ended is None:
            return
        world.claim("I9 cancel", "cancelled" if waits else "too_late", _state_of(ended))
        counted = [(order.asset, -order.total, False)] if waits else []
        world.claim("I12 the tally after a cancellation", counted, world.tallied[told:])

    async def _send(self, command: Command, crash: str | None) -> None:
        """Send a command, and compare what comes of it with what must."""
        world = self._world
        if command not in self._sent:
            self._sent.append(command)
        calm = self._arm(crash)
        expected = self._expect(command)
        before, told = len(world.history), len(world.tallied)
        ended = await self._attempt(lambda context: _execute(context, command), calm=calm)
        if not calm or ended is None:
            return
        if isinstance(expected, Replayed):
            sometimes("a repeated command")
            world.claim("I7 the same key again", expected, ended)
            world.claim("I7 the same key again writes", 0, len(world.history) - before)
        elif isinstance(expected, Refused):
            sometimes("a key used for another command", happened=expected.code == _REUSED)
            world.claim(f"refusal of {_told(command)}", expected, ended)
            world.claim("a refusal writes", 0, len(world.history) - before)
        elif not isinstance(ended, Accepted):
            world.claim(f"answer to {_told(command)}", "accepted", ended)
        elif isinstance(ended.made, Order) and expected is not None:
            world.claim("quote", _quoted(expected), _quoted(ended.made))
        elif isinstance(ended.made, Wallet):
            balance = world.model.wallets.get(command.user_id, 0)
            world.claim("I1 answer of a wallet", balance, ended.made.balance)
        made = ended.made if isinstance(ended, Accepted) else None
        counted = [(made.asset, made.total, made.direct)] if isinstance(made, Order) else []
        world.claim(f"I12 the tally after {_told(command)}", counted, world.tallied[told:])
        if isinstance(ended, Accepted) and command.request is not None:
            key = command.user_id, command.request.operation, command.request.key
            world.claim("I7 the key is stored", True, key in world.stored)

    def _expect(self, command: Command) -> Replayed | Refused | ModelOrder | None:
        """What the rules say of a command now; None: the wallet is moved."""
        world, request = self._world, command.request
        if request is not None:
            stored = world.stored.get((command.user_id, request.operation, request.key))
            if stored is not None and stored[0] != request.fingerprint:
                return Refused(_REUSED)
            if stored is not None:
                return Replayed(stored[1])
        balance = world.model.wallets.get(command.user_id, 0)
        if not isinstance(command, PlaceOrder):
            code = _refusal(command, balance)
            return None if code is None else Refused(code)
        quoted = world.model.quote(
            command.asset,
            amount=command.amount,
            spend=command.spend,
            at_us=world.api.clock.now_us(),
            balance=balance,
        )
        return Refused(quoted) if isinstance(quoted, str) else quoted

    async def _attempt(
        self, act: Callable[[Context], Awaitable[Result]], *, calm: bool
    ) -> Result | Refused | None:
        """What came of a command; None if nobody was told, which may not be if all is `calm`."""
        process = self._world.api
        try:
            return await act(process.context)
        except DomainError as error:
            return Refused(error.code)
        except Unavailable as error:
            if calm:
                self._world.claim("an undisturbed command is answered", "an answer", f"{error}")
            return None
        except Crash:
            sometimes("a crash of a command")
            return None
        finally:
            process.points.armed = None

    def _arm(self, crash: str | None) -> bool:
        """Whether nothing will disturb the command."""
        world = self._world
        world.api.points.armed = crash
        # A lost race is tried again, and nobody notices.
        answered = True not in world.store.refusals
        return self.alone and crash is None and answered and not world.cache_is_old

    def _person(self, number: int) -> UserId:
        return self._world.people[number % len(self._world.people)]

    def _dollars(self, user_id: UserId, symbol: str, aim: str, plus: int) -> int:
        """Whole cents, as 10⁻⁸ dollars; may be 0 or less, which must be refused."""
        world = self._world
        rule, price = world.exchange.rules[symbol], world.exchange.prices[symbol]
        base = 0
        if aim == Aim.BALANCE:
            base = world.model.wallets.get(user_id, 0)
        elif aim == Aim.THRESHOLD:
            base = world.policy.threshold
        elif aim == Aim.MISSING:
            waiting = world.sightings.waiting(symbol)
            base = world.policy.threshold - sum(world.model.orders[o].total for o in waiting)
        elif aim == Aim.MINIMUM and rule is not None:
            base = rule.min_notional * world.policy.minimum_reserve_bps // 10_000
        elif aim == Aim.MAXIMUM and rule is not None:
            scale = LISTED[symbol][0]
            base = rule.max_quantity * price // 10 ** (scale + 4) or world.policy.threshold
        return (base // CENT + plus) * CENT


class Replayed(msgspec.Struct, frozen=True):
    """A command had been carried out before; this is what it made (0: it moved the wallet)."""

    resource_id: int


class Accepted(msgspec.Struct, frozen=True):
    """A command was carried out; the order, or the wallet afterwards."""

    made: Order | Wallet


_REUSED = "idempotency_key_reused"


def _refusal(command: DepositCommand | WithdrawCommand, balance: int) -> str | None:
    """Why a wallet is not moved."""
    if command.amount <= 0:
        return "invalid_amount"
    if command.amount > LARGEST:
        return "amount_too_large"
    short = isinstance(command, WithdrawCommand) and command.amount > balance
    return "insufficient_funds" if short else None


async def _execute(context: Context, command: Command) -> Accepted | Replayed:
    if isinstance(command, PlaceOrder):
        order, _, repeated = await orders.place(context, command)
        return Replayed(order.id) if repeated else Accepted(order)
    if isinstance(command, DepositCommand):
        wallet, repeated = await wallets.deposit(context, command)
    else:
        wallet, repeated = await wallets.withdraw(context, command)
    return Replayed(0) if repeated else Accepted(wallet)


def _request(operation: str, key: int | None, body: object) -> RequestKey | None:
    return None if key is None else RequestKey(operation, f"key-{key}", f"{body}")


def _quoted(order: Order | ModelOrder) -> tuple[int, int, int, bool]:
    return order.quantity, order.unit_price, order.total, order.direct


def _told(command: Command) -> str:
    plain = msgspec.structs.replace(command, request=None)
    return f"{plain}"


def _state_of(ended: Order | Refused) -> str:
    return ended.code if isinstance(ended, Refused) else ended.state.value
