"""What can be done in the directory; one module per aggregate."""

from __future__ import annotations

from chassis.commands import Commands
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.communities import CommunityUseCases
from services.directory.use_cases.companies import CompanyUseCases
from services.directory.use_cases.group_members import GroupMemberUseCases
from services.directory.use_cases.group_moderation import GroupModerationUseCases
from services.directory.use_cases.group_rules import GroupRuleUseCases
from services.directory.use_cases.groups import GroupUseCases
from services.directory.use_cases.members import MemberUseCases
from services.directory.use_cases.persons import PersonUseCases


class DirectoryUseCases:
    """All of them, on one store."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self.persons = PersonUseCases(commands, repository)
        self.companies = CompanyUseCases(commands, repository)
        self.communities = CommunityUseCases(commands, repository)
        self.members = MemberUseCases(commands, repository)
        self.groups = GroupUseCases(commands, repository)
        self.group_members = GroupMemberUseCases(commands, repository)
        self.group_moderation = GroupModerationUseCases(commands, repository)
        self.group_rules = GroupRuleUseCases(commands, repository)
