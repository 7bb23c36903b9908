"""Networks need torchvision, which tests import before ours."""

import lithoscope.models  # noqa: F401  (lets torchvision be imported beside a torch of another build)
