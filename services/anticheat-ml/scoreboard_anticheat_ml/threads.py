"""Where arithmetic runs beside the event loop: threads whose libraries start no threads of their own.

Processes scale; more threads of OpenMP or BLAS in one of them only wait for each other. Their limits hold for the
thread that sets them, so each thread of the pool sets its own.
"""

from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

_THREADS = 2  # one judges, while the other loads a model


def limit_this_thread() -> None:
    """From now on the numeric libraries use one thread where this thread calls them."""
    threadpool_limits(1)


def arithmetic_threads() -> ThreadPoolExecutor:
    """A small pool, to be made the event loop's default executor."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="arithmetic", initializer=limit_this_thread)
