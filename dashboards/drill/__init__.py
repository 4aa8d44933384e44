"""``make drill``: faults in a running platform, and whether the right people are told of each, once, and of its end.

``ground.py`` is the platform, ``play.py`` and ``watchers.py`` who uses it, ``faults.py`` what breaks, ``webhook.py``
who is told, ``judge.py`` whether that was right, ``run.py`` one fault after the other, ``document.py`` and
``pictures.py`` what is written down.
"""
