"""ClickHouse as the ledger that several instances share: days counted by one are read by all."""

from observatory.sources.clickhouse.shared_days import SharedDays

__all__ = ["SharedDays"]
