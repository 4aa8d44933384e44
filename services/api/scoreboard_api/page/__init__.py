"""The pages that the API process serves: the live page, the API reference, a page about each error.

There is no build step: ``assets`` reads the files as they are written here, gives each a name with a hash of its
content and rewrites the references between them; ``documents`` fills templates and decides the security headers;
``pages``, ``docs`` and ``problem_pages`` turn that into routes and replies. ``app`` holds the live page's modules
(start at ``app/main.js``), ``docs_app`` the API reference's, ``style`` the sheets, ``vendor`` third parties' files.
"""
