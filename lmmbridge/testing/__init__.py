"""Laws that any implementation of the linear mixed model obeys, and problems on which to hold it to them.

`strategies` makes mixed-model problems and genome scans for hypothesis; `laws` says what a law is, `lmm_laws` and
`scan_laws` hold the laws, and `conformance` runs them on an implementation: one of ours, or one of yours. LAWS.md, in this
folder, lists them with the reason why each must hold.

Needs hypothesis (``pip install lmmbridge[testing]``).
"""
