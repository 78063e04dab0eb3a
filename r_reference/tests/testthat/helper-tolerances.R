# The tolerances of the tests, each with its reason. All are relative unless they say otherwise.
tolerances <- list(
    # The brute-force density and the rotated formulas are two routes to one number: what differs is
    # rounding, n eps cond(V) = 5e-11 at most: n = 24, and V has a condition number below 1e4 wherever the two
    # are compared. (Observed: 5e-14.)
    loglik = 1e-10,

    # As loglik; least squares solutions are conditioned by X as well, whose columns are of like size here. (Observed: 2e-13.)
    beta = 1e-9,
    sigmasq = 1e-9,

    # gls carries the correlation matrix through an unconstrained parametrisation (logarithms of angles),
    # and back: some digits stay behind.
    gls = 1e-8,

    # Absolute, in natural log units: the most by which a grid point may exceed the reported maximum.
    # Log likelihoods here are of size 100 at most, and carry 12 digits.
    optimum = 1e-9,

    # Absolute: the score at the maximum, by central differences of the brute-force likelihood with step 1e-5
    # of size 100: rounding 1e-14 * 100 / 1e-5, and the step's square times the third derivative.
    slope = 1e-5,

    # The maximum is a root of the score, located to 1e-10 of a grid interval; the score itself carries about
    # 12 digits, and the curvature is of order 1 or more in the data used.
    hsq = 1e-8,

    # The same arithmetic done twice on the same numbers.
    same = 1e-14
)
