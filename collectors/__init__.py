"""Collectors: a venue's bytes, untouched, in the raw envelope, into ``raw.<venue>.<channel>.v1``.

A source yields blocks of frames in a fixed order; `pump` wraps and sends them; `producer` loses nothing and says what
was acknowledged; `checkpoint` remembers it. Sources: `capture` (files), `sim` (a seeded venue), `live` (WebSockets).
"""
