"""Consumers: what a service hears, each event once, in its aggregate's order, whatever crashes."""

from chassis.consumers.consumer import Consumer
from chassis.consumers.inbox import INDEXES

__all__ = ["INDEXES", "Consumer"]
