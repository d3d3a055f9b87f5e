import { describeChanges } from "../changes/changes-tests";
import { LIGHT } from "../changes/groups";

describeChanges(LIGHT);
