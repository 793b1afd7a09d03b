"""Whole folders: what to do, what is done already, and doing it one file at a time. Torch-free.

`tree` finds files, `names` says what results are called, `plan` pairs the two, `journal` remembers
what was done, `verdicts` compares that with what is there, `run` goes through it all, `report` adds
it up, `cluster` spreads it over machines.
"""
