import { describeChanges } from "./changes-tests";
import { DATABASES } from "./groups";

describeChanges(DATABASES);
